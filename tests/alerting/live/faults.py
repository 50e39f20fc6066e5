"""The faults that are injected, and the alerts that they cause."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.alerting.live import injections as by
from tests.alerting.live.injections import Injection
from tests.alerting.live.stack import RABBITMQ, VALKEY, Place
from tests.alerting.live.watch import is_installed

_PREFIX = "InterviewWorker"

BOTH, FIRST, NONE = (0, 1), (0,), ()
"""The hosts that clients use while a fault lasts."""


def named(*names: str) -> frozenset[str]:
    """The full names of alerts."""
    return frozenset(f"{_PREFIX}{name}" for name in names)


def short(name: str) -> str:
    """The name of an alert without the service's."""
    return name.removeprefix(_PREFIX)


_BURNS = named(
    "AvailabilityBudgetBurn", "LatencyBudgetBurn", "OperationsBudgetBurn", "FreshnessBudgetBurn"
)


def _possible(place: Place) -> str:
    del place
    return ""


def _needs_disk(place: Place) -> str:
    return "" if place.hosts[-1].disk else "mounting a disk is not allowed"


def _needs_faketime(place: Place) -> str:
    del place
    return "" if by.faketime() else "libfaketime is missing"


def _needs_prober(place: Place) -> str:
    del place
    return "" if is_installed("blackbox-exporter") else "blackbox_exporter is missing"


def _needs_exporters(place: Place) -> str:
    missing = "" if is_installed("node-exporter") else "node_exporter is missing"
    return missing or _needs_disk(place) or _needs_prober(place)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault, and the alerts that it causes.

    Attributes:
        name: The name of the fault.
        expected: The alerts that must arrive.
        also: Further alerts that may arrive, because the fault may cause them as well.
        inject: Injects the fault for the duration of the context.
        before: Prepares the stack before it is watched.
        patience: Seconds within which all expected alerts must arrive.
        lasts: The minimum seconds for which the fault lasts.
        used: The indexes of the hosts that clients use.
        broker: The broker of the stack.
        impossible: Returns why the fault cannot be injected here; empty if it can.
    """

    name: str
    expected: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    inject: Injection = by.nothing
    before: Injection = by.nothing
    patience: float = 60
    lasts: float = 0
    used: tuple[int, ...] = BOTH
    broker: str = VALKEY
    impossible: Callable[[Place], str] = _possible


FAULTS = (
    Fault(name="nothing-before", lasts=45),
    Fault(
        name="database-stopped",
        # The first server errors of all processes.
        before=by.born_again,
        inject=by.server_stopped("mongodb"),
        expected=named("DatabaseDown", "CriticalErrorRate", "AvailabilityBudgetBurn"),
        # Requests wait for the database, and are slow for a while after it is back.
        also=_BURNS | named("HighLatency"),
        # A leader's lease lapses meanwhile.
        lasts=35,
    ),
    Fault(
        name="broker-stopped",
        inject=by.broker_stopped,
        expected=named("BrokerDown"),
        # What is submitted meanwhile is dispatched by the reconciler, and processed late.
        also=_BURNS | named("CriticalErrorRate", "ReconcilerBusy", "SlowProcessing"),
        lasts=30,
    ),
    Fault(
        name="kafka-stopped",
        inject=by.server_stopped("kafka"),
        expected=named("FreshnessBudgetBurn", "SourceFails"),
    ),
    Fault(name="host-down", inject=by.leading_host_down, expected=named("InstanceDown")),
    Fault(name="sidecars-killed", inject=by.sidecars_killed, expected=named("Down"), lasts=30),
    Fault(name="worker-killed", inject=by.worker_killed, expected=named("WorkerMissing")),
    Fault(
        name="workers-killed",
        inject=by.workers_killed,
        expected=named("QueueUnserved", "WorkerMissing"),
        # What waited is processed late.
        also=named("OldestMessageTooOld", "SlowProcessing"),
    ),
    Fault(
        name="calendar-stopped",
        inject=by.server_stopped("radicale"),
        expected=named("AIServiceDown", "CircuitOpen"),
        # Interviews are retried, take longer, and fail in the end.
        also=named("DeadLettersGrowing", "SlowProcessing", "OperationsBudgetBurn"),
    ),
    Fault(
        name="first-failures",
        before=by.born_again,
        inject=by.some("fail", 8),
        expected=named("DeadLettersGrowing", "OperationsBudgetBurn"),
        used=NONE,
    ),
    Fault(name="memory", inject=by.some("hog", 1), expected=named("HighMemoryUsage")),
    Fault(
        name="slow-requests",
        inject=by.slow_clients,
        expected=named("HighLatency", "LatencyBudgetBurn"),
        patience=90,
        used=NONE,
    ),
    Fault(
        name="stages-hang",
        inject=by.hung,
        expected=named("QueueStuck", "OldestMessageTooOld"),
        also=named("SlowProcessing"),
        patience=120,
    ),
    Fault(
        name="slow-stages",
        inject=by.submitted("slow", 3),
        expected=named("SlowProcessing"),
        patience=150,
    ),
    Fault(
        name="messages-purged",
        inject=by.messages_purged,
        expected=named("ReconcilerBusy"),
        also=named("SlowProcessing"),
    ),
    Fault(
        name="redis-evicts",
        inject=by.redis_misconfigured,
        expected=named("RedisEvicted", "RedisMayEvict", "RedisNotPersistent"),
    ),
    Fault(
        name="kafka-backlog",
        inject=by.kafka_backlog,
        expected=named("ConsumerLag"),
        patience=90,
    ),
    Fault(
        name="another-database",
        inject=by.another_database,
        expected=named("LeaderTwice"),
        used=FIRST,
    ),
    Fault(name="lease-taken", inject=by.lease_taken, expected=named("LeaderMissing")),
    Fault(
        name="metrics-disk-full",
        inject=by.metrics_disk_full,
        expected=named("MetricsNotStored"),
        impossible=_needs_disk,
    ),
    Fault(
        name="metrics-damaged",
        inject=by.metrics_damaged,
        expected=named("MetricsDamaged"),
    ),
    Fault(
        name="foreign-service",
        inject=by.foreign_service,
        expected=named("MetricsMissing"),
        used=FIRST,
    ),
    Fault(name="clock-ahead", before=by.clock_ahead, lasts=45, impossible=_needs_faketime),
    Fault(
        name="proxy-stopped",
        inject=by.proxy_stopped,
        expected=named("ProbeFails"),
        impossible=_needs_prober,
    ),
    Fault(
        # One after another they would take six minutes: their windows are hours.
        name="costs-certificate-disk",
        inject=by.all_of(
            by.model_unlisted, by.budget_spent, by.certificate_expiring, by.metrics_disk_filling
        ),
        expected=named("UnpricedModel", "BudgetSpent", "CertificateExpiring", "DiskFilling"),
        patience=180,
        impossible=_needs_exporters,
    ),
    Fault(
        name="exporter-hung",
        inject=by.exporter_hung,
        expected=named("ExporterDown"),
        impossible=_needs_exporters,
    ),
    Fault(name="nothing-after", lasts=30),
    Fault(name="rabbitmq-nothing", broker=RABBITMQ, lasts=45),
    Fault(
        name="rabbitmq-stopped",
        broker=RABBITMQ,
        inject=by.broker_stopped,
        expected=named("BrokerDown"),
        # What is submitted meanwhile is dispatched by the reconciler, and processed late.
        also=_BURNS | named("CriticalErrorRate", "ReconcilerBusy", "SlowProcessing"),
    ),
    Fault(
        name="rabbitmq-workers-killed",
        broker=RABBITMQ,
        inject=by.workers_killed,
        expected=named("QueueUnserved", "WorkerMissing"),
        also=named("SlowProcessing"),
    ),
    Fault(
        name="rabbitmq-first-failures",
        broker=RABBITMQ,
        before=by.born_again,
        inject=by.some("fail", 8),
        expected=named("DeadLettersGrowing", "OperationsBudgetBurn"),
        used=NONE,
    ),
)
"""All faults, in the order in which they are injected. A part of a name selects some of them."""

NOT_HERE = {f"{_PREFIX}Watchdog": "always fires: each fault begins when it arrives"}
"""Alerts that no fault provokes, and why."""
