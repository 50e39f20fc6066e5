"""What the documents say is there."""

import re

import pytest

from monitoring import metrics
from monitoring.definitions import Metric
from tests.processes import ROOT

TEXT = (ROOT / "docs" / "monitoring.md").read_text()


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_every_metric_is_described(metric: Metric) -> None:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    assert f"| `{metric.name}{labels}` | {metric.kind} | {metric.help} |" in TEXT


@pytest.mark.parametrize("page", ["README.md", "docs/dashboards.md"])
def test_pictures_are_there_and_small(page: str) -> None:
    pictures = re.findall(r"\(([^)]+\.png)\)", (ROOT / page).read_text())
    assert pictures
    for picture in pictures:
        assert ((ROOT / page).parent / picture).stat().st_size < 150_000
