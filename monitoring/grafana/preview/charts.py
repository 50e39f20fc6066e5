"""Panels over time as pictures, drawn by Vega-Lite.

https://vega.github.io/vega-lite/docs/
"""

from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert

from monitoring.grafana.preview.source import Series, Window
from monitoring.grafana.preview.units import axis_format

COLOURS = {"green": "#73bf69", "yellow": "#f2cc0c", "orange": "#ff9830", "red": "#f2495c"}
"""What Grafana's names of colours look like."""

PALETTE = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9", "#5794f2", "#fade2a"),
    *("#37872d", "#e0b400", "#1f60c4", "#c4162a", "#8f3bb8", "#96d98d", "#ffcb7d", "#ca95e5"),
)
_GRID, _INK = "#2c2f36", "#9fa7b3"
_FONT = "Inter, Helvetica, Arial, sans-serif"


def drawn(
    panel: Mapping[str, Any], series: Mapping[str, Series], window: Window, size: tuple[int, int]
) -> str:
    """A panel of lines or areas as SVG.

    Args:
        panel: The panel, in Grafana's format.
        series: What it shows, by their legends.
        window: The time that it shows.
        size: Width and height, in pixels.
    """
    defaults = panel["fieldConfig"]["defaults"]
    values = [
        {"at": moment * 1000, "value": value, "name": name}
        for name, one in series.items()
        for moment, value in one.points
        if value == value
    ]
    top = max((one["value"] for one in values), default=0.0)
    stacked = "stacking" in defaults["custom"]
    layers = [_series(values, list(series), window, defaults, stacked=stacked)]
    layers += [
        _rule(step)
        for step in defaults["thresholds"]["steps"]
        if step["value"] is not None and step["value"] <= 2 * top
    ]
    return _svg({"layer": layers}, size)


def bands(series: Mapping[str, Series], window: Window, size: tuple[int, int]) -> str:
    """Whether things are up, over time, as SVG: green where they are, red where they are not."""
    values = [
        {
            "from": moment * 1000,
            "to": (moment + window.step) * 1000,
            "name": name,
            "colour": COLOURS["green" if value else "red"],
        }
        for name, one in series.items()
        for moment, value in one.points
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


def _series(
    values: Sequence[Mapping[str, Any]],
    names: list[str],
    window: Window,
    defaults: Mapping[str, Any],
    *,
    stacked: bool,
) -> dict[str, Any]:
    colours = [PALETTE[number % len(PALETTE)] for number in range(len(names))]
    area = {"type": "area", "fillOpacity": 0.45, "line": {"strokeWidth": 1}}
    line = {"type": "line", "strokeWidth": 1.6}
    highest = {"domainMax": defaults["max"]} if "max" in defaults else {}
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
