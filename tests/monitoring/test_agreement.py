"""The metric of agreement with the analyses."""

from collections.abc import Mapping

import pytest

from monitoring import metrics
from monitoring.collectors.agreement import AgreementCollector
from tasks.errors import Transient
from tasks.interviews.interview import AnalysisType
from tests.monitoring.figures import figures_of


class Store:
    def __init__(self) -> None:
        self.found: dict[AnalysisType, tuple[int, int]] = {}
        self.asked = 0
        self.away = False

    def agreement(self) -> Mapping[AnalysisType, tuple[int, int]]:
        self.asked += 1
        if self.away:
            raise Transient("MongoDB is away")
        return dict(self.found)


def shares(collector: AgreementCollector) -> dict[tuple[str, ...], float]:
    return figures_of(collector).by_labels(metrics.REVIEW_AGREEMENT)


def test_is_the_share_that_agrees_of_parts_with_feedback() -> None:
    store = Store()
    collector = AgreementCollector(store.agreement, ttl=0)
    assert shares(collector) == {}
    store.found = {AnalysisType.OVERALL: (3, 4), AnalysisType.SENTIMENT: (0, 2)}
    assert shares(collector) == {("overall",): 0.75, ("sentiment",): 0}


def test_is_not_known_while_the_store_is_away() -> None:
    store = Store()
    store.found = {AnalysisType.OVERALL: (1, 1)}
    collector = AgreementCollector(store.agreement, ttl=0)
    store.away = True
    with pytest.raises(Transient):
        shares(collector)
    store.away = False
    assert shares(collector) == {("overall",): 1}


def test_is_not_counted_anew_with_every_scrape() -> None:
    store = Store()
    collector = AgreementCollector(store.agreement, ttl=60)
    for _ in range(3):
        shares(collector)
    assert store.asked == 1
