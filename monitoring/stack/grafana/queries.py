"""PromQL for panels, built from the metric definitions.

An unknown label raises an error here, instead of producing an empty panel.
"""

from monitoring.metrics.definitions import Counter, Gauge, Histogram, Metric

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
    _check(metric, *where)
    matchers = [_CHOSEN, *(f'{label}=~"{value}"' for label, value in where.items())]
    return f"{metric.name}{suffix}{{{', '.join(matchers)}}}"


def summed(gauge: Metric, *by: str, **where: str) -> str:
    """The sum of a gauge, grouped by labels."""
    return _over("sum", gauge, by, series(gauge, **where))


def highest(gauge: Metric, *by: str, **where: str) -> str:
    """The maximum of a gauge, which ignores duplicates from a second exporter."""
    return _over("max", gauge, by, series(gauge, **where))


def lowest(gauge: Metric, *by: str, **where: str) -> str:
    """The minimum of a gauge."""
    return _over("min", gauge, by, series(gauge, **where))


def per_second(counter: Metric, *by: str, **where: str) -> str:
    """The per-second rate of a counter, or of a histogram's observations."""
    return _over("sum", counter, by, f"rate({series(counter, _count(counter), **where)}[{_SHORT}])")


def per_second_once(counter: Counter, *by: str) -> str:
    """The per-second rate of a counter that a second exporter may expose as well."""
    return _over("max", counter, by, f"rate({series(counter)}[{_SHORT}])")


def per_hour(counter: Counter, *by: str, **where: str) -> str:
    """The hourly rate of a counter."""
    return f"3600 * {per_second(counter, *by, **where)}"


def counted(counter: Metric, *by: str, **where: str) -> str:
    """The increase of a counter over the selected time range."""
    rise = f"increase({series(counter, _count(counter), **where)}[{_SHOWN}])"
    return _over("sum", counter, by, rise)


def times(counter: Metric, *by: str, **where: str) -> str:
    """The same, rounded to whole events, because Prometheus extrapolates to fractions."""
    return f"round({counted(counter, *by, **where)})"


def quantile(q: float, histogram: Histogram, *by: str, **where: str) -> str:
    """A quantile of a histogram's recent observations."""
    rates = f"rate({series(histogram, '_bucket', **where)}[{_SHORT}])"
    return f"histogram_quantile({q}, {_over('sum', histogram, ('le', *by), rates)})"


def mean(histogram: Histogram, *by: str, **where: str) -> str:
    """The mean of a histogram's recent observations."""
    return _mean(histogram, by, where, "rate", _SHORT)


def mean_of_all(histogram: Histogram, *by: str, **where: str) -> str:
    """The mean of a histogram's observations over the selected time range."""
    return _mean(histogram, by, where, "increase", _SHOWN)


def busy(histogram: Histogram, *by: str, **where: str) -> str:
    """Average concurrency, from a histogram of durations."""
    return _over("sum", histogram, by, f"rate({series(histogram, '_sum', **where)}[{_SHORT}])")


def share(part: str, whole: str) -> str:
    """A ratio; 0 if only the part has no series, and empty if the whole has none."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def or_zero(query: str) -> str:
    """A single value that is 0 if nothing was ever counted."""
    return f"{query} or vector(0)"


def _mean(
    histogram: Histogram, by: tuple[str, ...], where: dict[str, str], change: str, window: str
) -> str:
    total, count = (
        _over("sum", histogram, by, f"{change}({series(histogram, suffix, **where)}[{window}])")
        for suffix in ("_sum", "_count")
    )
    return f"{total} / ({count} > 0)"


def _over(operation: str, metric: Metric, by: tuple[str, ...], vector: str) -> str:
    _check(metric, *by)
    return f"{operation} by ({', '.join(by)}) ({vector})" if by else f"{operation}({vector})"


def _count(metric: Metric) -> str:
    return "_count" if isinstance(metric, Histogram) else ""


def _check(metric: Metric, *labels: str) -> None:
    unknown = set(labels) - {*metric.labels, "le", "job", "instance"}
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")
