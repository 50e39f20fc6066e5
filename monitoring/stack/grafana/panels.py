"""Types for dashboards, independent of Grafana's format."""

from dataclasses import dataclass
from enum import StrEnum

from monitoring.stack.thresholds import Threshold


class Visualization(StrEnum):
    """The kind of a panel."""

    LINES = "lines"
    AREAS = "areas"
    """Stacked areas."""
    FIGURE = "figure"
    STATES = "states"
    """A state timeline: whether something is up."""
    BARS = "bars"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a panel.

    Attributes:
        expression: PromQL.
        legend: The name of a series, with labels in double braces; in a table, the column.
        unit: The unit of a table's column, if not the panel's.
    """

    expression: str
    legend: str
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel.

    Attributes:
        title: A short title.
        description: An explanation of the values.
        unit: Grafana's id of the unit.
        queries: The queries.
        visualization: The kind of panel.
        limits: Alert thresholds, drawn at their values; the first one's runbook is linked.
        maximum: The upper end of the axis.
        width: Width in columns, of 24.
        words: Display texts for values; the first is good, the others are bad.
        empty: Text shown if there is no data.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    visualization: Visualization = Visualization.LINES
    limits: tuple[Threshold, ...] = ()
    maximum: float | None = None
    width: int = 8
    words: dict[int, str] | None = None
    empty: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of panels with a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A dashboard.

    Attributes:
        uid: The last part of its URL, and the name of its file.
        title: Its title.
        description: The questions that it answers.
        rows: Its rows.
    """

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in order."""
        return tuple(panel for row in self.rows for panel in row.panels)
