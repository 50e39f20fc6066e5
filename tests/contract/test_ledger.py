"""The contract of `Ledger`, in memory and in MongoDB."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from tasks.ports import Ledger
from tests.fakes.ledger import MemoryLedger

TODAY, YESTERDAY = date(2030, 5, 6), date(2030, 5, 5)


@pytest.fixture(params=["memory", "mongodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return MemoryLedger()
    from worker.adapters.mongo import MongoLedger

    return MongoLedger(request.getfixturevalue("database"))


def test_keeps_providers_and_days_apart(ledger: Ledger) -> None:
    assert ledger.spent("openai", TODAY) == 0
    ledger.add("openai", TODAY, 1.5)
    ledger.add("openai", TODAY, 0.25)
    ledger.add("openai", YESTERDAY, 4)
    ledger.add("google", TODAY, 8)
    assert ledger.spent("openai", TODAY) == pytest.approx(1.75)
    assert ledger.spent("openai", YESTERDAY) == pytest.approx(4)
    assert ledger.spent("google", TODAY) == pytest.approx(8)


def test_nothing_is_lost_in_small_sums_nor_among_many(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: ledger.add("openai", TODAY, 0.000_005), range(400)))
    assert ledger.spent("openai", TODAY) == pytest.approx(0.002, rel=1e-9)
