"""PromQL for panels, written by the definitions of the metrics.

A label that a metric does not have is refused here, rather than found out from an empty panel.
"""

from monitoring.metrics.definitions import Counter, Gauge, Histogram, Metric

UP = Gauge(name="up", help="Whether a target answered Prometheus, 1 or 0.")

_CHOSEN = 'job=~"$job", instance=~"$instance"'
_SHORT = "$__rate_interval"
_SHOWN = "$__range"


def series(metric: Metric, suffix: str = "", /, **where: str) -> str:
    """The series of a metric, of the jobs and instances that are chosen in the dashboard.

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
    """A gauge, added up over all labels but some."""
    return _over("sum", gauge, by, series(gauge, **where))


def highest(gauge: Metric, *by: str, **where: str) -> str:
    """The highest of a gauge; right as well where an exporter tells the same a second time."""
    return _over("max", gauge, by, series(gauge, **where))


def lowest(gauge: Metric, *by: str, **where: str) -> str:
    """The lowest of a gauge."""
    return _over("min", gauge, by, series(gauge, **where))


def per_second(counter: Metric, *by: str, **where: str) -> str:
    """How fast a counter goes up, or how often a histogram is observed."""
    return _over("sum", counter, by, f"rate({series(counter, _count(counter), **where)}[{_SHORT}])")


def per_second_once(counter: Counter, *by: str) -> str:
    """How fast a counter goes up that exporters may tell a second time."""
    return _over("max", counter, by, f"rate({series(counter)}[{_SHORT}])")


def per_hour(counter: Counter, *by: str, **where: str) -> str:
    """How much a counter goes up in an hour, at its present speed."""
    return f"3600 * {per_second(counter, *by, **where)}"


def counted(counter: Metric, *by: str, **where: str) -> str:
    """How far a counter went up in the time that the dashboard shows."""
    rise = f"increase({series(counter, _count(counter), **where)}[{_SHOWN}])"
    return _over("sum", counter, by, rise)


def times(counter: Metric, *by: str, **where: str) -> str:
    """The same of what is counted one by one: Prometheus reckons with parts of it."""
    return f"round({counted(counter, *by, **where)})"


def quantile(q: float, histogram: Histogram, *by: str, **where: str) -> str:
    """A quantile of what was observed of late."""
    rates = f"rate({series(histogram, '_bucket', **where)}[{_SHORT}])"
    return f"histogram_quantile({q}, {_over('sum', histogram, ('le', *by), rates)})"


def mean(histogram: Histogram, *by: str, **where: str) -> str:
    """The mean of what was observed of late."""
    return _mean(histogram, by, where, "rate", _SHORT)


def mean_of_all(histogram: Histogram, *by: str, **where: str) -> str:
    """The mean of what was observed in the time that the dashboard shows."""
    return _mean(histogram, by, where, "increase", _SHOWN)


def busy(histogram: Histogram, *by: str, **where: str) -> str:
    """How many were at work at once on average, of a histogram of the time that work takes."""
    return _over("sum", histogram, by, f"rate({series(histogram, '_sum', **where)}[{_SHORT}])")


def share(part: str, whole: str) -> str:
    """A part of a whole; 0 where there is no such part, and nothing where there is no whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def or_zero(query: str) -> str:
    """One figure that is 0 where nothing was ever counted."""
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
