"""Time series panels as SVG, drawn by Vega-Lite.

https://vega.github.io/vega-lite/docs/
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import vl_convert

from monitoring.stack.grafana.preview.source import Series, Window
from monitoring.stack.grafana.preview.units import axis_format

COLOURS = {"green": "#73bf69", "yellow": "#f2cc0c", "orange": "#ff9830", "red": "#f2495c"}
"""Grafana's named colours as hexadecimal values."""

PALETTE = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9", "#5794f2", "#fade2a"),
    *("#37872d", "#e0b400", "#1f60c4", "#c4162a", "#8f3bb8", "#96d98d", "#ffcb7d", "#ca95e5"),
)
_GRID, _INK = "#2c2f36", "#9fa7b3"
_FONT = "Inter, Helvetica, Arial, sans-serif"


def render_chart(
    panel: Mapping[str, Any], series: Mapping[str, Series], window: Window, size: tuple[int, int]
) -> str:
    """Draw a panel of lines or areas as SVG.

    Args:
        panel: The panel, in Grafana's format.
        series: Its series by legend.
        window: The time range.
        size: Width and height, in pixels.
    """
    defaults = panel["fieldConfig"]["defaults"]
    highest = max((one.highest for one in series.values() if one.highest >= 0), default=0.0)
    steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is not None]
    # A threshold far above all series would flatten them; without data it is the only scale.
    top = defaults.get("max", 2 * highest or max((one["value"] for one in steps), default=1))
    layers = [_series(series, window, defaults, top if not highest else None)]
    layers += [_rule(step) for step in steps if step["value"] <= top]
    return _svg({"layer": layers}, size)


def sparkline(series: Series, colour: str, size: tuple[int, int]) -> str:
    """Draw a series as a small chart without axes."""
    values = [{"at": moment, "value": value} for moment, value in series.points if value == value]
    mark = {
        "data": {"values": values},
        "mark": {
            "type": "area",
            "color": colour,
            "fillOpacity": 0.15,
            "line": {"strokeWidth": 1, "color": colour},
        },
        "encoding": {
            "x": {"field": "at", "type": "quantitative", "axis": None, "scale": {"zero": False}},
            "y": {"field": "value", "type": "quantitative", "axis": None},
        },
    }
    return _svg({"layer": [mark]}, size)


def bands(series: Mapping[str, Series], window: Window, size: tuple[int, int]) -> str:
    """Draw a state timeline as SVG: green while up, red while down."""
    values = [
        {
            "from": begin * 1000,
            "to": (end + window.step) * 1000,
            "name": name,
            "colour": COLOURS["green" if up else "red"],
        }
        for name, one in series.items()
        for up, begin, end in _periods(one)
    ]
    mark = {
        "data": {"values": values},
        "mark": {"type": "bar", "height": {"band": 0.7}},
        "encoding": {
            "x": _time("from", window),
            "x2": {"field": "to"},
            "y": {"field": "name", "type": "nominal", "title": None, "sort": list(series)},
            "color": {"field": "colour", "type": "nominal", "scale": None},
        },
    }
    return _svg({"layer": [mark]}, size)


def _periods(series: Series) -> Iterator[tuple[bool, float, float]]:
    """Periods of equal state: whether up, start and end."""
    for up, points in groupby(series.points, lambda point: point[1] > 0):
        moments = [moment for moment, _ in points]
        yield up, moments[0], moments[-1]


def _series(
    series: Mapping[str, Series],
    window: Window,
    defaults: Mapping[str, Any],
    top: float | None,
) -> dict[str, Any]:
    names = list(series)
    values = [
        {"at": moment * 1000, "value": value, "name": name}
        for name, one in series.items()
        for moment, value in one.points
        if value == value
    ]
    stacked = "stacking" in defaults["custom"]
    colours = [PALETTE[number % len(PALETTE)] for number in range(len(names))]
    area = {"type": "area", "fillOpacity": 0.45, "line": {"strokeWidth": 1}}
    line = {"type": "line", "strokeWidth": 1.6}
    top = defaults.get("max", top)
    highest = {} if top is None else {"domainMax": top}
    axis = {"labelExpr": axis_format(defaults["unit"]), "tickCount": 5, "domain": False}
    return {
        "data": {"values": values},
        "mark": area if stacked else line,
        "encoding": {
            "x": _time("at", window),
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": None,
                "stack": "zero" if stacked else None,
                "scale": {"domainMin": 0, "nice": True, **highest},
                "axis": axis,
            },
            "color": {
                "field": "name",
                "type": "nominal",
                "scale": {"domain": names, "range": colours},
                "legend": None,
            },
        },
    }


def _time(field: str, window: Window) -> dict[str, Any]:
    return {
        "field": field,
        "type": "temporal",
        "title": None,
        "scale": {"domain": [window.start * 1000, window.end * 1000], "nice": False},
        "axis": {"format": "%H:%M:%S", "tickCount": 4, "grid": False, "domain": False},
    }


def _rule(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "data": {"values": [{"value": step["value"]}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": COLOURS[step["color"]]},
        "encoding": {"y": {"field": "value", "type": "quantitative"}},
    }


def _svg(chart: Mapping[str, Any], size: tuple[int, int]) -> str:
    width, height = size
    axis = {"gridColor": _GRID, "labelColor": _INK, "tickColor": _GRID, "labelFont": _FONT}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": width,
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": 2,
        "background": None,
        "config": {"axis": axis, "view": {"stroke": None}},
        **chart,
    }
    svg: str = vl_convert.vegalite_to_svg(spec)
    return svg
