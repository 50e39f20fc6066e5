"""Draws architecture.svg from architecture.toml: `make picture`."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("architecture.toml")
TARGET = SOURCE.with_suffix(".svg")

# The background is part of the picture, so that it is legible on a dark page, too.
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {width} {height}" role="img" aria-label="{title}">
<title>{title}</title>
<style>
  text {{ font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2937; }}
  .title {{ font-weight: 600; }}
  .label {{ fill: #4b5563; }}
  .middle {{ text-anchor: middle; }}
  .page {{ fill: #ffffff; stroke: #d1d5db; }}
  .group {{ fill: #f9fafb; stroke: #9ca3af; stroke-dasharray: 4 3; }}
  .box {{ stroke: #6b7280; }}
  .edge {{ fill: none; stroke: #374151; stroke-width: 1.25; marker-end: url(#arrow); }}
</style>
<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0 8 4 0 8z" fill="#374151"/></marker>
<rect class="page" x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="6"/>
"""
LINE = 18


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A box or a group; coordinates in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, item: dict[str, Any]) -> "Rectangle":
        """Read the position of an entry of the source."""
        (left, top), (width, height) = item["at"], item["size"]
        return cls(left, top, left + width, top + height)

    def element(self, css: str, fill: str | None = None) -> str:
        """The SVG element of this rectangle."""
        style = f' fill="{fill}"' if fill else ""
        return (
            f'<rect class="{css}"{style} x="{self.left}" y="{self.top}" '
            f'width="{self.right - self.left}" height="{self.bottom - self.top}" rx="4"/>'
        )


def draw(source: dict[str, Any]) -> str:
    """Return the SVG text of a picture."""
    width, height = source["size"]
    head = HEAD.format(
        width=width,
        height=height,
        title=escape(source["title"]),
        inner_width=width - 1,
        inner_height=height - 1,
    )
    items = source["groups"] | source["boxes"]
    places = {name: Rectangle.of(item) for name, item in items.items()}
    body: list[str] = []
    for name, group in source["groups"].items():
        body += _group(places[name], group)
    for name, box in source["boxes"].items():
        body += _box(places[name], box, source["colours"][box["colour"]])
    for edge in source["edges"]:
        body += _edge(places[edge["from"]], places[edge["to"]], edge)
    return head + "\n".join(body) + "\n</svg>\n"


def _text(x: float, y: float, text: str, css: str) -> str:
    return f'<text class="{css}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _group(place: Rectangle, group: dict[str, Any]) -> Iterator[str]:
    yield place.element("group")
    yield _text((place.left + place.right) / 2, place.top + 17, group["title"], "title middle")


def _box(place: Rectangle, box: dict[str, Any], colour: str) -> Iterator[str]:
    yield place.element("box", colour)
    lines = [box["title"], *box.get("lines", ())]
    x = (place.left + place.right) / 2
    # 4 is the distance from the middle of a line of text to its base line.
    first = (place.top + place.bottom - LINE * (len(lines) - 1)) / 2 + 4
    for number, line in enumerate(lines):
        css = "title middle" if number == 0 and len(lines) > 1 else "middle"
        yield _text(x, first + LINE * number, line, css)


def _edge(start: Rectangle, end: Rectangle, edge: dict[str, Any]) -> Iterator[str]:
    points = _route(start, end, edge.get("at"))
    yield f'<path class="edge" d="M{" L".join(f"{x:g} {y:g}" for x, y in points)}"/>'
    if "label" in edge:
        (x1, y1), (x2, y2) = points[0], points[-1]
        if y1 == y2:
            yield _text((x1 + x2) / 2, y1 - 5, edge["label"], "label middle")
        else:
            yield _text(x1 + 6, (y1 + y2) / 2 + 4, edge["label"], "label")


def _route(start: Rectangle, end: Rectangle, at: float | None) -> list[tuple[float, float]]:
    rows = max(start.top, end.top), min(start.bottom, end.bottom)
    columns = max(start.left, end.left), min(start.right, end.right)
    if rows[0] < rows[1]:
        y = at or sum(rows) / 2
        x1, x2 = (start.right, end.left) if start.left < end.left else (start.left, end.right)
        return [(x1, y), (x2, y)]
    y1, y2 = (start.bottom, end.top) if start.top < end.top else (start.top, end.bottom)
    if columns[0] < columns[1]:
        x = at or sum(columns) / 2
        return [(x, y1), (x, y2)]
    x, y = at or (start.left + start.right) / 2, (end.top + end.bottom) / 2
    return [(x, y1), (x, y), (end.right if end.right < x else end.left, y)]


if __name__ == "__main__":
    TARGET.write_text(draw(tomllib.loads(SOURCE.read_text())))
