"""A check that panels have data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser

from monitoring import metrics
from monitoring.metrics.definitions import Histogram
from monitoring.stack.grafana.catalogue import DASHBOARDS
from monitoring.stack.grafana.panels import Dashboard, Panel, Query, Visualization
from monitoring.stack.grafana.preview.source import Source


@dataclass(frozen=True)
class Answer:
    """The result of one query of a panel."""

    dashboard: Dashboard
    panel: Panel
    query: Query
    series: int
    points: int

    @property
    def empty(self) -> bool:
        return self.points == 0


def answers(source: Source) -> Iterator[Answer]:
    """Run every query of every panel."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries:
                ask = (
                    source.at_end
                    if panel.visualization is Visualization.TABLE
                    else source.over_time
                )
                found = ask(query.expression)
                points = sum(value == value for one in found for _, value in one.points)
                yield Answer(dashboard, panel, query, len(found), points)


def readable(expression: str) -> str:
    """Replace Grafana's variables by values, which makes the expression valid PromQL."""
    values = {"$__rate_interval": "1m", "$__range": "1h", "$job": "j", "$instance": "i"}
    for name, value in values.items():
        expression = expression.replace(name, value)
    return expression


def selectors(expression: str) -> Iterator[Any]:
    """All selectors of a query, with their matchers."""
    yield from _selectors(promql_parser.parse(readable(expression)))


def _selectors(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        child = getattr(node, name, None)
        if child is not None:
            yield from _selectors(child)
    for child in getattr(node, "args", None) or ():
        yield from _selectors(child)


def exported() -> set[str]:
    """The names of all series that the service or Prometheus itself exports."""
    names = {"up", "ALERTS"}
    for metric in metrics.ALL:
        if isinstance(metric, Histogram):
            names |= {f"{metric.name}{suffix}" for suffix in ("_bucket", "_sum", "_count")}
        else:
            names.add(metric.name)
    return names
