"""The architecture picture of README and the file it is drawn from."""

import re
import runpy
import tomllib
from itertools import combinations
from typing import Any

from tests.processes import ROOT

IMAGES = ROOT / "docs" / "images"
SOURCE: dict[str, Any] = tomllib.loads((IMAGES / "architecture.toml").read_text())
PICTURE = (IMAGES / "architecture.svg").read_text()


def edges_of(item: dict[str, Any]) -> tuple[int, int, int, int]:
    (left, top), (width, height) = item["at"], item["size"]
    return left, top, left + width, top + height


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    left, top, right, bottom = edges_of(one)
    other_left, other_top, other_right, other_bottom = edges_of(other)
    return left < other_right and other_left < right and top < other_bottom and other_top < bottom


def test_the_picture_is_up_to_date() -> None:
    draw = runpy.run_path(str(IMAGES / "draw_architecture.py"))["draw"]
    assert draw(SOURCE) == PICTURE, "run `make picture`"


def test_no_two_boxes_overlap() -> None:
    for kind in ("boxes", "groups"):
        pairs = combinations(SOURCE[kind].items(), 2)
        assert [(a, b) for (a, one), (b, other) in pairs if overlap(one, other)] == []


def test_all_boxes_are_inside_the_page() -> None:
    width, height = SOURCE["size"]
    for name, item in (SOURCE["boxes"] | SOURCE["groups"]).items():
        left, top, right, bottom = edges_of(item)
        assert 0 < left < right < width, name
        assert 0 < top < bottom < height, name


def test_readme_shows_it_with_a_description() -> None:
    readme = (ROOT / "README.md").read_text()
    (description,) = re.findall(r"!\[([^]]+)\]\(docs/images/architecture\.svg\)", readme)
    for name in ("Redis", "RabbitMQ", "MongoDB", "Prometheus", "Alertmanager", "Grafana", "Flower"):
        assert name in description
        assert name in PICTURE
