"""PromQL expressions, built from the metric definitions."""

from monitoring.metrics.definitions import Counter, Histogram, Metric
from monitoring.stack.prometheus.rules import JOB

FAILED = "5..|error"
"""Statuses of external requests that are the service's fault."""
UNUSABLE = "5..|401|403|408|429|error"
"""Statuses that make a service unusable for us; other 4xx are caused by our requests."""


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
    unknown = where.keys() - {*metric.labels, "le"}
    if unknown:
        raise ValueError(f"{metric.name} has no labels {sorted(unknown)}")
    matchers = [f'job="{job}"', *(f'{name}=~"{value}"' for name, value in where.items())]
    return f"{metric.name}{suffix}{{{', '.join(matchers)}}}"


def rate(counter: Counter | Histogram, window: str, *by: str, **where: str) -> str:
    """The per-second rate of a counter, or of a histogram's observations."""
    suffix = "_count" if isinstance(counter, Histogram) else ""
    return f"sum by ({_by(by)}) (rate({series(counter, suffix, **where)}[{window}]))"


def increase(counter: Counter | Histogram, window: str, *by: str, **where: str) -> str:
    """The increase of a counter, or of a histogram's observations."""
    suffix = "_count" if isinstance(counter, Histogram) else ""
    return f"sum by ({_by(by)}) (increase({series(counter, suffix, **where)}[{window}]))"


def quantile(q: float, histogram: Histogram, window: str, *by: str) -> str:
    """A quantile of a histogram."""
    buckets = series(histogram, "_bucket")
    return f"histogram_quantile({q:g}, sum by ({_by(by)}, le) (rate({buckets}[{window}])))"


def _by(labels: tuple[str, ...]) -> str:
    return ", ".join(("job", *labels))
