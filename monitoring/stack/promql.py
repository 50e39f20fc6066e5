"""PromQL shared by rules and dashboards: how the series of several hosts combine.

Each host has a sidecar. Series of its own processes are added up. Series of shared servers are
reported by every sidecar, and count once: the maximum, because a sidecar that reads a moment later
may differ. `Metric.scope` says which is which.
"""

from monitoring.metrics.definitions import Histogram, Metric, Scope
from monitoring.metrics.initial import OPEN

API = "/api/.*"
"""Paths of the API. Scrapes and health checks would hide failures and slow responses."""

PROMETHEUS_LABELS = ("job", "instance")
"""Labels that Prometheus adds to all series of a target."""


def check_labels(metric: Metric, *labels: str) -> None:
    """Check that a metric has labels.

    Raises:
        ValueError: It does not have one of them.
    """
    unknown = set(labels) - {*metric.labels, "le", *PROMETHEUS_LABELS}
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")


def aggregated(operation: str, metric: Metric, vector: str, *by: str) -> str:
    """Aggregate the series of all hosts.

    Args:
        operation: `sum`, `max` or `min`.
        metric: The metric of the series.
        vector: An expression for the series, which keeps all labels.
        by: The labels that the result has, `job` included if it is wanted.
    """
    check_labels(metric, *by)
    if operation == "sum" and metric.scope is Scope.SHARED and "instance" not in by:
        return _sum_of_shared(metric, vector, by)
    return _over(operation, vector, by)


def increase_of(metric: Metric, series: str, up: str, window: str) -> str:
    """The increase of each series of a counter within a window.

    `increase` ignores the first sample of a series. A counter with unknown labels first appears
    with its first event, so all of its value is the increase if it appeared within the window,
    that is, if it has fewer samples than its target had scrapes.

    Args:
        metric: The counter, or the histogram whose observations are counted.
        series: The selector of the series.
        up: The selector of the targets' `up`.
        window: The window, as a Prometheus duration.
    """
    plain = f"increase({series}[{window}])"
    if metric not in OPEN:
        return plain
    appeared = (
        f"count_over_time({series}[{window}]) "
        f"< on (job, instance) group_left () sum_over_time({up}[{window}])"
    )
    return f"(({series} and {appeared}) or {plain})"


def suffix_of(metric: Metric) -> str:
    """The suffix of the series that counts observations, if the metric is a histogram."""
    return "_count" if isinstance(metric, Histogram) else ""


def _sum_of_shared(metric: Metric, vector: str, by: tuple[str, ...]) -> str:
    kept = tuple(label for label in by if label in PROMETHEUS_LABELS)
    once = (*kept, *metric.labels)
    if set(once) == set(by):
        return _over("max", vector, by)
    return _over("sum", _over("max", vector, once), by)


def _over(operation: str, vector: str, by: tuple[str, ...]) -> str:
    return f"{operation} by ({', '.join(by)}) ({vector})" if by else f"{operation}({vector})"
