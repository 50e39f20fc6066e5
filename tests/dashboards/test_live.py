"""Every panel has data, queried from a real Prometheus that scraped a real run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.stack.grafana.__main__ import PLACE
from monitoring.stack.grafana.preview.page import page
from monitoring.stack.grafana.preview.source import Source
from tests.dashboards.check import answers
from tests.dashboards.run import watched_run
from tests.requirements import needs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        os.environ.get("DASHBOARDS") != "live", reason="takes minutes: DASHBOARDS=live does it"
    ),
    needs("prometheus"),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    with watched_run(tmp_path_factory.mktemp("dashboards"), seconds=20) as source:
        yield source


def test_every_panel_query_has_data(source: Source) -> None:
    empty = [
        f"{answer.dashboard.title}: {answer.panel.title}: {answer.query.expression}"
        for answer in answers(source)
        if answer.empty
    ]
    assert empty == []


@pytest.mark.parametrize("file", sorted(PLACE.glob("*.json")), ids=lambda file: file.stem)
def test_every_dashboard_can_be_rendered(source: Source, file: Path) -> None:
    drawn = page(file.read_text(), source)
    assert "class=nothing" not in drawn
    assert drawn.count("<section") == drawn.count("</section>") > 10
    assert "<svg" in drawn
