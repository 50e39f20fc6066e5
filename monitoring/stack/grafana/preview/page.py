"""HTML pages of dashboards, with embedded pictures."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from monitoring.stack.grafana.preview.charts import COLOURS, PALETTE, bands, render_chart, sparkline
from monitoring.stack.grafana.preview.source import Series, Source
from monitoring.stack.grafana.preview.units import readable

COLUMN, ROW, GAP = 56, 38, 8
"""Pixels of a grid column, of a grid row, and of the gap between panels."""

_HEADING, _LEGEND_LINE, _SPARKLINE = 30, 17, 40
_PLAIN = "#d8d9da"
_STYLE = files("monitoring.stack.grafana.preview") / "page.css"


def page(text: str, source: Source) -> str:
    """Render a dashboard as HTML.

    Args:
        text: The dashboard, in Grafana's format.
        source: The data source.
    """
    dashboard = json.loads(text)
    panels = "".join(_placed(panel, source) for panel in dashboard["panels"])
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(dashboard['title'])}"
        f"</title><style>{_STYLE.read_text()}</style><header><h1>{escape(dashboard['title'])}</h1>"
        f"<p>{escape(dashboard['description'])}</p></header>"
        f"<main style='width:{24 * COLUMN}px;height:{rows * ROW}px'>{panels}</main></html>"
    )


def height(text: str) -> int:
    """The height of a dashboard's page, in pixels."""
    places = [panel["gridPos"] for panel in json.loads(text)["panels"]]
    rows: int = max(place["y"] + place["h"] for place in places)
    return rows * ROW + 90


def _placed(panel: Mapping[str, Any], source: Source) -> str:
    place = panel["gridPos"]
    left, top = place["x"] * COLUMN, place["y"] * ROW
    size = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
    style = f"left:{left}px;top:{top}px;width:{size[0]}px;height:{size[1]}px"
    if panel["type"] == "row":
        return f"<h2 style='{style}'>{escape(panel['title'])}</h2>"
    inner = size[0] - 16, size[1] - _HEADING - 8
    body = _BODIES[panel["type"]](panel, source, inner)
    return (
        f"<section style='{style}' title='{escape(panel['description'], quote=True)}'>"
        f"<h3>{escape(panel['title'])}</h3>{body}</section>"
    )


def _chart(panel: Mapping[str, Any], source: Source, size: tuple[int, int]) -> str:
    series = _series_by_legend(panel, source)
    if not series:
        return _nothing(panel)
    shown = list(series.items())[: 4 if len(series) == 4 else 3]
    more = len(series) - len(shown)
    lines = len(shown) + bool(more)
    picture = render_chart(
        panel, series, source.window, (size[0], size[1] - lines * _LEGEND_LINE - 6)
    )
    unit = panel["fieldConfig"]["defaults"]["unit"]
    return picture + _legend(shown, unit, more)


def _legend(series: Sequence[tuple[str, Series]], unit: str, more: int) -> str:
    entries = "".join(
        f"<li><i style='background:{PALETTE[n % len(PALETTE)]}'></i><span>{escape(name)}</span>"
        f"<b>{readable(one.last, unit)}</b><em>max {readable(one.highest, unit)}</em></li>"
        for n, (name, one) in enumerate(series)
    )
    rest = f"<li class=more>and {more} more</li>" if more else ""
    return f"<ul>{entries}{rest}</ul>"


def _states(panel: Mapping[str, Any], source: Source, size: tuple[int, int]) -> str:
    return bands(_series_by_legend(panel, source), source.window, size)


def _figure(panel: Mapping[str, Any], source: Source, size: tuple[int, int]) -> str:
    found = list(_series_by_legend(panel, source).values())
    if not found:
        return _nothing(panel)
    defaults = panel["fieldConfig"]["defaults"]
    value = found[0].last
    mapped = [one["options"] for one in defaults.get("mappings", ())]
    known = mapped[0].get(f"{value:g}") if mapped else None
    text = known["text"] if known else readable(value, defaults["unit"])
    plain = panel["options"]["colorMode"] == "none"
    colour = _PLAIN if plain else _colour(value, defaults["thresholds"]["steps"])
    picture = sparkline(found[0], colour, (size[0], _SPARKLINE))
    return f"<p class=figure style='color:{colour}'>{escape(text)}</p>{picture}"


def _bars(panel: Mapping[str, Any], source: Source, _: tuple[int, int]) -> str:
    found = sorted(_series_by_legend(panel, source).items(), key=lambda one: -one[1].last)[:9]
    if not found:
        return _nothing(panel)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    top = found[0][1].last or 1
    return (
        "<table class=bars>"
        + "".join(
            f"<tr><td>{escape(name)}</td><td><i style='width:{100 * one.last / top:.0f}%'></i></td>"
            f"<td>{readable(one.last, unit)}</td></tr>"
            for name, one in found
        )
        + "</table>"
    )


def _table(panel: Mapping[str, Any], source: Source, _: tuple[int, int]) -> str:
    units = {
        one["matcher"]["options"]: one["properties"][0]["value"]
        for one in panel["fieldConfig"]["overrides"]
    }
    default = panel["fieldConfig"]["defaults"]["unit"]
    rows: dict[str, dict[str, str]] = {}
    headings = [target["legendFormat"] for target in panel["targets"]]
    for target, heading in zip(panel["targets"], headings, strict=True):
        for one in source.at_end(target["expr"]):
            name = " ".join(one.labels.values())
            rows.setdefault(name, {})[heading] = readable(one.last, units.get(heading, default))
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{cells.get(heading, '-')}</td>" for heading in headings)
        + "</tr>"
        for name, cells in sorted(rows.items())
    )
    return f"<table class=cells><tr><th></th>{head}</tr>{body}</table>"


def _series_by_legend(panel: Mapping[str, Any], source: Source) -> dict[str, Series]:
    """The series of all queries, by legend with labels filled in."""
    found: dict[str, Series] = {}
    for target in panel["targets"]:
        for one in source.over_time(target["expr"]):
            name = target["legendFormat"]
            for label, value in one.labels.items():
                name = name.replace(f"{{{{{label}}}}}", value)
            found[name] = one
    return found


def _colour(value: float, steps: Sequence[Mapping[str, Any]]) -> str:
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return COLOURS[reached[-1]["color"]]


def _nothing(panel: Mapping[str, Any]) -> str:
    return f"<p class=nothing>{panel['fieldConfig']['defaults'].get('noValue', 'No data')}</p>"


_BODIES = {
    "timeseries": _chart,
    "state-timeline": _states,
    "stat": _figure,
    "bargauge": _bars,
    "table": _table,
}
