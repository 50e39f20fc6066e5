"""PromQL expressions of rules, built from the metric definitions."""

from monitoring.metrics.definitions import Counter, Histogram, Metric
from monitoring.stack.prometheus.rules import JOB
from monitoring.stack.promql import aggregated, check_labels, increase_of, suffix_of

UP = f'up{{job="{JOB}"}}'
"""Whether each sidecar answers Prometheus."""


def series(metric: Metric, suffix: str = "", /, job: str = JOB, **where: str) -> str:
    """Select the series of a metric.

    Args:
        metric: The metric.
        suffix: `_bucket`, `_sum` or `_count` of a histogram.
        job: The job that scrapes it.
        where: Regular expressions that labels must match.

    Raises:
        ValueError: The metric does not have one of the labels.
    """
    check_labels(metric, *where)
    matchers = [f'job="{job}"', *(f'{name}=~"{value}"' for name, value in where.items())]
    return f"{metric.name}{suffix}{{{', '.join(matchers)}}}"


def total(metric: Metric, *by: str, over: str = "", **where: str) -> str:
    """The total of a gauge over all hosts.

    Args:
        metric: The gauge.
        by: Labels to keep.
        over: A window; of each series, the highest value within it counts.
        where: Regular expressions that labels must match.
    """
    return aggregated("sum", metric, _within("max", series(metric, **where), over), "job", *by)


def highest(metric: Metric, *by: str, over: str = "", **where: str) -> str:
    """The highest value of a gauge on any host, optionally within a window."""
    return aggregated("max", metric, _within("max", series(metric, **where), over), "job", *by)


def lowest(metric: Metric, *by: str, over: str = "") -> str:
    """The lowest value of a gauge on any host, optionally within a window."""
    return aggregated("min", metric, _within("min", series(metric), over), "job", *by)


def rate(counter: Counter | Histogram, window: str, *by: str, **where: str) -> str:
    """The per-second rate of a counter, or of a histogram's observations."""
    found = f"rate({series(counter, suffix_of(counter), **where)}[{window}])"
    return aggregated("sum", counter, found, "job", *by)


def increase(counter: Counter | Histogram, window: str, *by: str, **where: str) -> str:
    """The increase of a counter, or of a histogram's observations."""
    found = increase_of(counter, series(counter, suffix_of(counter), **where), UP, window)
    return aggregated("sum", counter, found, "job", *by)


def quantile(q: float, histogram: Histogram, window: str, *by: str, **where: str) -> str:
    """A quantile of a histogram."""
    buckets = f"rate({series(histogram, '_bucket', **where)}[{window}])"
    return f"histogram_quantile({q:g}, {aggregated('sum', histogram, buckets, 'job', *by, 'le')})"


def _within(operation: str, selected: str, window: str) -> str:
    return f"{operation}_over_time({selected}[{window}])" if window else selected
