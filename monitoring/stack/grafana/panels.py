"""What a dashboard is, before Grafana's format."""

from dataclasses import dataclass
from enum import StrEnum

from monitoring.stack.thresholds import Threshold


class Visualization(StrEnum):
    """How figures are shown."""

    LINES = "lines"
    AREAS = "areas"
    """Lines on top of each other, whose heights add up."""
    FIGURE = "figure"
    STATES = "states"
    """Whether something is up, over time."""
    BARS = "bars"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of Prometheus.

    Attributes:
        expression: PromQL.
        legend: What a series is called, with labels in double braces; in a table, the column.
        unit: The unit of a table's column, if it is not the panel's.
    """

    expression: str
    legend: str
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        title: What it shows, in a few words.
        description: How it is to be read.
        unit: Grafana's id of the unit.
        queries: What it shows.
        visualization: How.
        limits: Thresholds of alerts, drawn at their values; the first one's runbook is linked.
        maximum: The highest value there can be.
        width: Of 24 columns.
        words: What values are called; the first one is good, and others are bad.
        empty: What is shown where there is nothing to show.
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
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard.

    Attributes:
        uid: The last part of its address, and the name of its file.
        title: Its title.
        description: What questions it answers.
        rows: What it shows.
    """

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in their order."""
        return tuple(panel for row in self.rows for panel in row.panels)
