"""Every rule and panel shows the same totals for one host as for three that share the work.

promtool evaluates each expression over two worlds. In both, the same happens: once to one host, and
once to three, each of which reports its part, and all of which report the shared servers.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from zlib import crc32

import yaml

from monitoring import metrics
from monitoring.metrics.definitions import Counter, ExternalCounter, Gauge, Histogram, Metric, Scope
from monitoring.metrics.initial import (
    celery_series,
    known_series,
    published_series,
)
from monitoring.stack.grafana.catalogue import DASHBOARDS
from monitoring.stack.prometheus import alerts, objectives, recording
from monitoring.stack.prometheus.rules import Recording
from tasks.pipeline.queues import QUEUES
from tests.alerting.test_rules import promtool
from tests.label_values import CONFIGURATION
from tests.requirements import needs

ONE, THREE = "one", "three"
HOSTS = ("a", "b", "c")
MINUTES = 75

PER_INSTANCE = {
    "InterviewWorkerInstanceDown",
    "InterviewWorkerWorkerMissing",
    "InterviewWorkerSourceFails",
    "InterviewWorkerHighMemoryUsage",
    "InterviewWorkerMetricsMissing",
    "InterviewWorkerMetricsDamaged",
    "InterviewWorkerMetricsNotStored",
    "InterviewWorkerDiskFilling",
    "InterviewWorkerCertificateExpiring",
    "InterviewWorkerProbeFails",
    "InterviewWorkerExporterDown",
}
"""Alerts that fire for each host, process or worker on purpose."""

Labels = tuple[tuple[str, str], ...]


def recorded_series() -> Iterator[tuple[Metric, Labels]]:
    """Series of counters and histograms without a host name."""
    open_ones = (
        (metrics.STAGE_RETRIES, ("analyse", "timeout")),
        (metrics.EXTERNAL_RETRIES, ("openai", "timeout")),
        (metrics.EXTERNAL_DURATION, ("openai", "/v1/chat/completions", "200")),
    )
    for metric, values in (*known_series(CONFIGURATION), *open_ones):
        yield metric, tuple(zip(metric.labels, values, strict=True))


def celery_of(host: str) -> Iterator[tuple[Metric, Labels]]:
    hostname = f"all@{host}"
    for metric, values in (*celery_series(hostname, QUEUES), *published_series(hostname)):
        yield metric, tuple(zip(metric.labels, values, strict=True))
    for metric in (metrics.CELERY_WORKER_UP, metrics.CELERY_TASKS_ACTIVE):
        yield metric, (("hostname", hostname),)


def gauges() -> Iterator[tuple[Metric, Labels]]:
    """Two values of each label of the gauges and of the counters of other servers."""
    for metric in metrics.ALL:
        if isinstance(metric, Gauge | ExternalCounter) and "hostname" not in metric.labels:
            values = (_values(label) for label in metric.labels)
            for chosen in product(*values):
                yield metric, tuple(zip(metric.labels, chosen, strict=True))


def _values(label: str) -> tuple[str, ...]:
    return ("sidecar", "worker") if label == "role" else ("x", "y")


def is_per_process(metric: Metric) -> bool:
    """Whether a gauge describes one process, so that hosts do not add up."""
    return metric.scope is Scope.HOST and (
        metric.labels in {("role", "process"), ("collector",), ("version",)}
        or metric.name.startswith("process_network")
    )


def lines(metric: Metric, labels: Labels, slope: int) -> Iterator[tuple[str, Labels, str]]:
    """The sample names of a series, and their values as promtool writes them."""
    if isinstance(metric, Histogram):
        bounds = (*(f"{float(bound)}" for bound in metric.buckets), "+Inf")
        for number, bound in enumerate(bounds, 1):
            yield f"{metric.name}_bucket", (*labels, ("le", bound)), f"0+{slope * number}x{MINUTES}"
        yield f"{metric.name}_count", labels, f"0+{slope * len(bounds)}x{MINUTES}"
        yield f"{metric.name}_sum", labels, f"0+{slope * 3}x{MINUTES}"
    elif isinstance(metric, Counter):
        yield metric.name, labels, f"0+{slope}x{MINUTES}"
    else:
        yield metric.name, labels, f"{slope}x{MINUTES}"


def slope_of(metric: Metric, labels: Labels, host: str) -> int:
    return crc32(f"{metric.name}{labels}{host}".encode()) % 7 + 1


def series(job: str, host: str, found: tuple[str, Labels, str]) -> dict[str, str]:
    """A series in promtool's format."""
    name, labels, values = found
    all_labels = (("job", job), ("instance", host), *labels)
    selected = ", ".join(f'{key}="{value}"' for key, value in all_labels)
    return {"series": f"{name}{{{selected}}}", "values": values}


def world() -> list[dict[str, str]]:
    """The input series of both worlds."""
    up = [series(THREE, host, ("up", (), f"1x{MINUTES}")) for host in HOSTS]
    up.append(series(ONE, "a", ("up", (), f"1x{MINUTES}")))
    added = [line for one in (*recorded_series(), *gauges()) for line in shared_out(*one)]
    return [*up, *added, *(line for host in HOSTS for line in workers_of(host))]


def shared_out(metric: Metric, labels: Labels) -> Iterator[dict[str, str]]:
    """A series of one host, and its parts or copies on three hosts."""
    slopes = {host: slope_of(metric, labels, host) for host in HOSTS}
    total = sum(slopes.values())
    if metric.scope is Scope.SHARED or is_per_process(metric):
        total = slopes["a"]
        slopes = dict.fromkeys(HOSTS, total)
    for host, slope in slopes.items():
        for line in lines(metric, labels, slope):
            yield series(THREE, host, line)
    for line in lines(metric, labels, total):
        yield series(ONE, "a", line)


def workers_of(host: str) -> Iterator[dict[str, str]]:
    """The series of a worker: all workers run on the one host, or each on its own."""
    for metric, labels in celery_of(host):
        for line in lines(metric, labels, slope_of(metric, labels, host)):
            yield series(THREE, host, line)
            yield series(ONE, "a", line)


RECORDINGS = {
    rule.name: rule.expr
    for group in recording.GROUPS
    for rule in group.rules
    if isinstance(rule, Recording) and ":" in rule.name
}


def expressions() -> Iterator[tuple[str, str]]:
    """All expressions with a name, except those with a result for each instance."""
    yield from of_panels()
    for group in (*alerts.GROUPS, *recording.GROUPS):
        for rule in group.rules:
            if rule.name not in PER_INSTANCE:
                yield rule.name, rule.expr
    for objective in objectives.read():
        # Freshness counts evaluations of a recording rule.
        if objective.name != "freshness":
            yield objective.name, objective.ratio("30m")


def of_panels() -> Iterator[tuple[str, str]]:
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries:
                if "{{instance}}" not in query.legend and "slo" not in query.expression:
                    yield f"{dashboard.title}: {panel.title}", query.expression


def in_world(expression: str, job: str) -> str:
    """An expression with recordings and variables replaced, for one of the two worlds."""
    for _ in range(2):
        for name, expr in RECORDINGS.items():
            expression = re.sub(rf"(?<![\w:]){re.escape(name)}(?![\w:])", f"({expr})", expression)
    for variable, value in {
        "$job": job,
        "$instance": ".+",
        "$__rate_interval": "5m",
        "$__range": "30m",
        'job="interview-worker-mongodb"': f'job="{job}-mongodb"',
        'job="interview-worker"': f'job="{job}"',
    }.items():
        expression = expression.replace(variable, value)
    return f'label_replace({expression}, "job", "", "", "")'


def loosened(expression: str) -> str:
    """An expression without its thresholds, so that it has a result."""
    # An exception that always applies would leave no result.
    condition, _, _ = expression.partition(" unless on (job) ")
    return re.sub(r"(==|>=|<=|>|<)( bool)? ?[-\d.e+]+(?![\w(])", "> -1e9", condition)


def differences(expression: str) -> str:
    one, three = in_world(expression, ONE), in_world(expression, THREE)
    return f"({one} unless {three}) or ({three} unless {one}) or (abs({one} - {three}) > 1e-9)"


def run(tmp_path: Path, cases: Iterable[tuple[str, list[dict[str, object]]]]) -> None:
    content = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": world(),
                "promql_expr_test": [
                    {"expr": expr, "eval_time": "70m", "exp_samples": samples}
                    for expr, samples in cases
                ],
            }
        ],
    }
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    promtool("test", "rules", str(file))


@needs("promtool")
def test_three_hosts_show_the_same_as_one(tmp_path: Path) -> None:
    as_written = {one for _, one in expressions()}
    without_thresholds = {loosened(one) for name, one in expressions() if name not in SILENT}
    run(tmp_path, ((differences(one), []) for one in sorted(as_written | without_thresholds)))


@needs("promtool")
def test_every_expression_has_a_result_in_both_worlds(tmp_path: Path) -> None:
    # Otherwise two empty results would be equal.
    there: list[dict[str, object]] = [{"labels": "{}", "value": 1}]
    run(
        tmp_path,
        (
            (f"count({in_world(loosened(one), job)}) > bool 0", there)
            for name, one in expressions()
            if name not in SILENT
            for job in (ONE, THREE)
        ),
    )


SILENT = {
    "InterviewWorkerQueueStuck",
    "InterviewWorkerDown",
    "InterviewWorkerDatabaseDown",
}
"""Alerts that have no result while all servers are up."""
