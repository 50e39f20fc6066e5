"""Factories for panels used by several dashboards."""

from grafana_foundation_sdk.models import units

from monitoring.metrics.definitions import Histogram
from monitoring.stack.grafana.panels import Panel, Query, Visualization
from monitoring.stack.grafana.queries import quantile
from monitoring.stack.thresholds import Threshold

_QUANTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))


def percentiles(
    title: str,
    histogram: Histogram,
    description: str,
    *,
    limits: tuple[Threshold, ...] = (),
    unit: str = units.Seconds,
    **where: str,
) -> Panel:
    """A panel with the median, 95th and 99th percentile of a histogram.

    Args:
        title: The panel's title.
        histogram: The histogram.
        description: An explanation of the values.
        limits: Alert thresholds to draw.
        unit: Grafana's id of the unit.
        where: Regular expressions that labels must match.
    """
    return Panel(
        title=title,
        description=description,
        unit=unit,
        queries=tuple(Query(quantile(q, histogram, **where), name) for q, name in _QUANTILES),
        limits=limits,
    )


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: tuple[str, str],
    limits: tuple[Threshold, ...] = (),
    maximum: float | None = None,
) -> Panel:
    """A time series of lines; queries are pairs of PromQL and legend."""
    asked = tuple(Query(*query) for query in queries)
    return Panel(
        title=title,
        description=description,
        unit=unit,
        queries=asked,
        limits=limits,
        maximum=maximum,
    )


def areas(title: str, description: str, unit: str, *queries: tuple[str, str]) -> Panel:
    """A time series of stacked areas; queries are pairs of PromQL and legend."""
    asked = tuple(Query(*query) for query in queries)
    return Panel(
        title=title,
        description=description,
        unit=unit,
        queries=asked,
        visualization=Visualization.AREAS,
    )


def figure(
    title: str,
    description: str,
    unit: str,
    query: str,
    *,
    limits: tuple[Threshold, ...] = (),
    words: dict[int, str] | None = None,
    empty: str | None = None,
) -> Panel:
    """A panel with a single value."""
    return Panel(
        title=title,
        description=description,
        unit=unit,
        queries=(Query(query, title),),
        visualization=Visualization.FIGURE,
        limits=limits,
        width=4,
        words=words,
        empty=empty,
    )


WORDS = {1: "Up", 0: "Down"}
"""Display texts for the values of metrics such as `up`."""
