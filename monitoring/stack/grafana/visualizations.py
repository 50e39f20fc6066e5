"""Builders of Grafana panels, one for each visualization."""

from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models

from monitoring.stack.grafana.panels import Panel, Visualization
from monitoring.stack.thresholds import Severity, Threshold

GOOD, BAD = "green", "red"
_COLOURS = {Severity.CRITICAL: BAD, Severity.WARNING: "orange", Severity.INFO: "yellow"}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def letter(number: int) -> str:
    """Grafana's reference id of a panel's n-th query, counted from 0."""
    return _LETTERS[number]


def visualization(panel: Panel) -> Any:
    """The SDK's builder of a panel, with the options of its visualization.

    The SDK's builders have the same methods, but no common type.
    """
    return _VISUALIZATIONS[panel.visualization](panel)


def thresholds(limits: tuple[Threshold, ...]) -> dashboard.ThresholdsConfig:
    """Green on the good side of all limits; each limit's colour on its bad side."""
    below = [limit for limit in limits if limit.below]
    above = sorted((limit for limit in limits if not limit.below), key=lambda limit: limit.value)
    base = _COLOURS[below[0].severity] if below else GOOD
    steps = [models.Threshold(value=None, color=base)]
    steps += [models.Threshold(value=value, color=GOOD) for value in {one.value for one in below}]
    steps += [models.Threshold(value=one.value, color=_COLOURS[one.severity]) for one in above]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _lines(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .height(8)
        .axis_soft_min(0)
        .line_width(2)
        .fill_opacity(8)
        .show_points(options.VisibilityMode.NEVER)
        .span_nulls(False)
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.TABLE)
            .placement(options.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(options.TooltipDisplayMode.MULTI)
            .sort(options.SortOrder.DESCENDING)
        )
    )
    if panel.limits:
        style = common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED)
        built = built.thresholds_style(style)
    return built


def _areas(panel: Panel) -> timeseries.Panel:
    stacking = common.StackingConfig().mode(options.StackingMode.NORMAL).group("A")
    return _lines(panel).stacking(stacking).fill_opacity(40).line_width(1)


def _figure(panel: Panel) -> stat.Panel:
    mode = options.BigValueColorMode.VALUE if panel.limits else options.BigValueColorMode.NONE
    return (
        stat.Panel()
        .height(4)
        .color_mode(mode)
        .graph_mode(options.BigValueGraphMode.AREA)
        .reduce_options(_last())
    )


def _states(_: Panel) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .height(8)
        .show_value(options.VisibilityMode.NEVER)
        .fill_opacity(80)
        .merge_values(True)
    )


def _bars(_: Panel) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .height(8)
        .display_mode(options.BarGaugeDisplayMode.BASIC)
        .orientation(options.VizOrientation.HORIZONTAL)
        .reduce_options(_last())
    )


def _table(panel: Panel) -> table.Panel:
    """A table with one row per label set, and one column per query."""
    headings = {f"Value #{letter(n)}": query.legend for n, query in enumerate(panel.queries)}
    built = (
        table.Panel()
        .height(8)
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            models.DataTransformerConfig(
                id_val="organize",
                options={"excludeByName": {"Time": True}, "renameByName": headings},
            )
        )
    )
    for query in panel.queries:
        if query.unit is not None:
            unit = models.DynamicConfigValue(id_val="unit", value=query.unit)
            built = built.override_by_name(query.legend, [unit])
    return built


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


_VISUALIZATIONS = {
    Visualization.LINES: _lines,
    Visualization.AREAS: _areas,
    Visualization.FIGURE: _figure,
    Visualization.STATES: _states,
    Visualization.BARS: _bars,
    Visualization.TABLE: _table,
}
