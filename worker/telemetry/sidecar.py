"""Metrics collectors and health checks of the sidecar."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from time import monotonic
from typing import TypeVar

from monitoring import metrics
from monitoring.collectors import Collector
from monitoring.collectors.agreement import AgreementCollector
from monitoring.collectors.broker import BrokerCollector
from monitoring.collectors.circuits import CircuitCollector
from monitoring.collectors.consumers import ConsumerStatus
from monitoring.collectors.database import DatabaseStatus
from monitoring.collectors.guarded import GuardedCollectors, Source
from monitoring.collectors.host import HostCollector
from monitoring.collectors.kafka import KafkaCollector
from monitoring.collectors.leadership import LeadershipCollector
from monitoring.collectors.mongodb import MongoCollector
from monitoring.collectors.outbox import OutboxCollector
from monitoring.collectors.pipeline import PipelineCollector
from monitoring.collectors.processes import ProcessCollector
from monitoring.collectors.recording import RecordingCollector
from monitoring.collectors.workers import WorkerCollector
from monitoring.health import Check, Details, Health
from monitoring.heartbeats import Worker, known_workers, unready_workers
from monitoring.metrics.recording import RecordedMetrics, Recorder, total
from monitoring.processes import ProcessSampler
from monitoring.single_flight import SingleFlight
from tasks.errors import Transient
from tasks.pipeline.queues import STAGES, Broker
from tasks.scheduling.calendars import Calendars
from worker.adapters.kafka import KafkaStatus
from worker.adapters.mongo import MongoStatus
from worker.adapters.resilience.circuits import CircuitReader
from worker.bootstrap import RABBITMQ, REDIS, Stores, breaker_states, broker, broker_name
from worker.settings import Settings

T = TypeVar("T")

_TIMEOUT = 1.0
"""Seconds for which a request waits for the files of the metrics directory."""

_BROKER_UP = {REDIS: metrics.REDIS_UP, RABBITMQ: metrics.RABBITMQ_UP}


@dataclass(frozen=True, slots=True)
class SidecarMonitoring:
    """The monitoring of the service by the sidecar.

    Attributes:
        collector: Collects all metrics.
        database: Collects the MongoDB metrics only.
        health: Checks the dependencies.
        introspect: Returns memory use, request count and error rate of this process.
        workers: Returns the workers on this host, as of the last collection.
        dead_workers: Returns the workers on this host that exited unexpectedly in the last ten
            minutes, and whose queues no other worker on this host serves. There are none if this
            is not known within a second: the service goes on without its metrics directory.
    """

    collector: Collector
    database: Collector
    health: Health
    introspect: Callable[[], Mapping[str, object]]
    workers: Callable[[], Sequence[Worker]]
    dead_workers: Callable[[], Sequence[str]]


@contextmanager
def open_monitoring(
    settings: Settings,
    stores: Stores,
    calendars: Calendars,
    leads: Callable[[], Mapping[str, bool]],
    recorder: Recorder,
) -> Iterator[SidecarMonitoring]:
    """Open the collectors and health checks while the context is active.

    Args:
        settings: The settings.
        stores: The stores.
        calendars: The calendar providers.
        leads: Returns whether this process is the leader, for each duty.
        recorder: Records the metrics of this process.
    """
    figures = settings.metrics_directory

    def can_write() -> bool:
        return recorder.is_recording

    with ExitStack() as stack:
        queues = broker(settings)
        stack.callback(queues.close)
        kind = broker_name(settings)
        database = MongoStatus(stores.mongo.database)
        consumers = _consumers(settings, stack)
        circuits = breaker_states(settings)
        recorded = RecordedMetrics(figures, recorder)
        recording = RecordingCollector(figures, recorder)
        workers = WorkerCollector(figures, can_write, lambda: recording.is_open)
        mongo = Source("mongodb", MongoCollector(database), metrics.MONGODB_UP)
        sources = [
            Source("recorded", recorded),
            Source(kind, BrokerCollector(queues, STAGES), _BROKER_UP[kind]),
            mongo,
            Source("feedback", AgreementCollector(stores.interviews.agreement)),
            Source("events", OutboxCollector(stores.interviews, stores.requests)),
            Source("leadership", LeadershipCollector(leads)),
            Source("workers", workers),
            Source("recording", recording),
            Source("processes", ProcessCollector()),
            Source("host", HostCollector(version("interview-worker"))),
        ]
        checks = [
            Check("database", lambda: _database(database), critical=True),
            Check(kind, lambda: _broker(queues), critical=True),
        ]
        if kind != REDIS:
            sources.append(Source("pipeline", PipelineCollector(stores.interviews.load)))
        if consumers is not None:
            sources.append(Source("kafka", KafkaCollector(consumers), metrics.KAFKA_UP))
        checks.append(Check("kafka", lambda: _kafka(consumers)))
        if circuits is not None:
            stack.callback(circuits.close)
            sources.append(Source("circuits", CircuitCollector(circuits.read)))
        checks.append(Check("external_apis", lambda: _external(calendars, circuits)))
        yield SidecarMonitoring(
            collector=GuardedCollectors(sources),
            database=GuardedCollectors([mongo]),
            health=Health(*checks),
            introspect=lambda: _introspect(recorder),
            workers=lambda: workers.seen,
            dead_workers=_within_limit(
                lambda: unready_workers(known_workers(figures, can_write=can_write())), ()
            ),
        )


def _within_limit(read: Callable[[], T], otherwise: T) -> Callable[[], T]:
    """Limit the time of a read; returns a default if it fails or takes too long."""
    flight = SingleFlight(read)

    def ask() -> T:
        found = flight.begin()(monotonic() + _TIMEOUT)
        return otherwise if found.value is None else found.value

    return ask


def _consumers(settings: Settings, stack: ExitStack) -> ConsumerStatus | None:
    if settings.kafka_bootstrap_servers is None:
        return None
    status = KafkaStatus(
        settings.kafka_bootstrap_servers, settings.kafka_requests_topic, settings.kafka_group
    )
    stack.callback(status.close)
    return status


def _database(status: DatabaseStatus) -> Details:
    found = status.read()
    return {
        "role": found.role,
        "connections": {"open": found.connections, "available": found.available},
    }


def _broker(queues: Broker) -> Details:
    backlog = queues.backlog()
    waiting = {name: state.waiting for name, state in backlog.queues.items()}
    if backlog.redis is None:
        return {"waiting": waiting}
    figures = backlog.redis
    found: dict[str, object] = {"waiting": waiting}
    if figures.clients is not None:
        found["connections"] = {"open": figures.clients}
    if figures.memory is not None:
        found["memory_bytes"] = figures.memory
    return found


def _kafka(consumers: ConsumerStatus | None) -> Details:
    if consumers is None:
        raise Transient("KAFKA_BOOTSTRAP_SERVERS is not set: events stay in the outbox")
    return {"consumer_lag": sum(partition.records for partition in consumers.read())}


def _external(calendars: Calendars, circuits: CircuitReader | None) -> Details:
    calendars.ping()
    return {"provider": calendars.name, "circuits": _circuits(circuits)}


def _circuits(circuits: CircuitReader | None) -> dict[str, str] | None:
    """The state of each circuit; None if it is unknown.

    That is so if each process has its own circuits, and while Redis is unavailable.
    """
    if circuits is None:
        return None
    try:
        found = circuits.read()
    except Transient:
        return None
    return {f"{service} {endpoint}": state for (service, endpoint), state in found.items()}


def _introspect(recorder: Recorder) -> Mapping[str, object]:
    found = list(recorder.collect())
    requests = total(found, metrics.HTTP_REQUESTS)
    errors = total(found, metrics.HTTP_REQUESTS, lambda labels: labels["status"] >= "500")
    own = ProcessSampler().sample(os.getpid(), "sidecar", "sidecar")
    return {
        "memory_bytes": own.memory if own else None,
        "requests": requests,
        "error_rate": errors / requests if requests else 0.0,
    }
