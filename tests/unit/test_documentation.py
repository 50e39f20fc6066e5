"""What the documents say is there."""

import pytest

from monitoring import metrics
from monitoring.definitions import Metric
from tests.processes import ROOT

TEXT = (ROOT / "docs" / "monitoring.md").read_text()


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_every_metric_is_described(metric: Metric) -> None:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    assert f"| `{metric.name}{labels}` | {metric.kind} | {metric.help} |" in TEXT
