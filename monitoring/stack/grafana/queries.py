"""PromQL for panels, built from the metric definitions.

An unknown label raises an error here, instead of producing an empty panel.
"""

from monitoring.metrics.definitions import Counter, Gauge, Histogram, Metric
from monitoring.stack.promql import aggregated, check_labels, increase_of, suffix_of

UP = Gauge(name="up", help="Whether a target answered Prometheus, 1 or 0.")

_CHOSEN = 'job=~"$job", instance=~"$instance"'
_SHORT = "$__rate_interval"
_SHOWN = "$__range"


def series(metric: Metric, suffix: str = "", /, **where: str) -> str:
    """Select the series of a metric, for the dashboard's jobs and instances.

    Args:
        metric: The metric.
        suffix: `_bucket`, `_sum` or `_count` of a histogram.
        where: Regular expressions that labels must match.

    Raises:
        ValueError: The metric does not have one of the labels.
    """
    check_labels(metric, *where)
    matchers = [_CHOSEN, *(f'{label}=~"{value}"' for label, value in where.items())]
    return f"{metric.name}{suffix}{{{', '.join(matchers)}}}"


def total(gauge: Metric, *by: str, **where: str) -> str:
    """The total of a gauge over all hosts, grouped by labels."""
    return aggregated("sum", gauge, series(gauge, **where), *by)


def highest(gauge: Metric, *by: str, **where: str) -> str:
    """The maximum of a gauge."""
    return aggregated("max", gauge, series(gauge, **where), *by)


def lowest(gauge: Metric, *by: str, **where: str) -> str:
    """The minimum of a gauge."""
    return aggregated("min", gauge, series(gauge, **where), *by)


def per_second(counter: Metric, *by: str, **where: str) -> str:
    """The per-second rate of a counter, or of a histogram's observations."""
    found = f"rate({series(counter, suffix_of(counter), **where)}[{_SHORT}])"
    return aggregated("sum", counter, found, *by)


def per_hour(counter: Counter, *by: str, **where: str) -> str:
    """The hourly rate of a counter."""
    return f"3600 * {per_second(counter, *by, **where)}"


def counted(counter: Metric, *by: str, **where: str) -> str:
    """The increase of a counter over the selected time range."""
    found = series(counter, suffix_of(counter), **where)
    return aggregated("sum", counter, increase_of(counter, found, series(UP), _SHOWN), *by)


def times(counter: Metric, *by: str, **where: str) -> str:
    """The same, rounded to whole events, because Prometheus extrapolates to fractions."""
    return f"round({counted(counter, *by, **where)})"


def quantile(q: float, histogram: Histogram, *by: str, **where: str) -> str:
    """A quantile of a histogram's recent observations."""
    rates = f"rate({series(histogram, '_bucket', **where)}[{_SHORT}])"
    return f"histogram_quantile({q}, {aggregated('sum', histogram, rates, 'le', *by)})"


def mean(histogram: Histogram, *by: str, **where: str) -> str:
    """The mean of a histogram's recent observations."""
    return _mean(histogram, by, where, "rate", _SHORT)


def mean_of_all(histogram: Histogram, *by: str, **where: str) -> str:
    """The mean of a histogram's observations over the selected time range."""
    return _mean(histogram, by, where, "increase", _SHOWN)


def busy(histogram: Histogram, *by: str, **where: str) -> str:
    """Average concurrency, from a histogram of durations."""
    found = f"rate({series(histogram, '_sum', **where)}[{_SHORT}])"
    return aggregated("sum", histogram, found, *by)


def share(part: str, whole: str) -> str:
    """A ratio; 0 if only the part has no series, and empty if the whole has none."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def or_zero(query: str) -> str:
    """A single value that is 0 if there is no series yet."""
    return f"{query} or vector(0)"


def _mean(
    histogram: Histogram, by: tuple[str, ...], where: dict[str, str], change: str, window: str
) -> str:
    summed, count = (
        aggregated(
            "sum", histogram, f"{change}({series(histogram, suffix, **where)}[{window}])", *by
        )
        for suffix in ("_sum", "_count")
    )
    return f"{summed} / ({count} > 0)"
