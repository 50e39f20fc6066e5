"""Shapes of panels that several dashboards have."""

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
) -> Panel:
    """The median, the 95th and the 99th percentile of a histogram."""
    return Panel(
        title=title,
        description=description,
        unit=unit,
        queries=tuple(Query(quantile(q, histogram), name) for q, name in _QUANTILES),
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
    """Lines over time, of queries and their legends."""
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
    """Areas over time that add up, of queries and their legends."""
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
    """One figure."""
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
"""What the values of a metric such as `up` are called."""

FAILING = "5..|401|403|408|429|error"
"""The statuses of a request that its service is to blame for; other 4xx are of our making."""
