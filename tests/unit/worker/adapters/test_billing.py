"""Costs of providers, also without a known price."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from monitoring.signals import providers
from tasks.errors import Permanent, Transient, Unusable
from tests.fakes.ledger import MemoryLedger
from tests.monitoring.figures import figures_of
from worker.adapters.billing import Biller, Budgets
from worker.adapters.prices import load_prices
from worker.adapters.providers import Charge, Usage

PRICES = load_prices(None)
TODAY = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the date during a test, even around midnight."""
    moment = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
    monkeypatch.setattr("worker.adapters.billing.now", lambda: moment)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with providers.connected(recorder):
        yield recorder


def biller(ledger: MemoryLedger | None = None, *models: str) -> Biller:
    return Biller(PRICES, ledger, models=frozenset(models))


def tokens(model: str, read: int = 1000, written: int = 100) -> Usage:
    return Usage("openai", model, input_tokens=read, output_tokens=written)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18"])
def test_prices_tokens(recorder: Recorder, model: str) -> None:
    ledger = MemoryLedger()
    charge = biller(ledger)(tokens(model))
    assert charge.cost == pytest.approx(0.00021)
    assert charge.price_version == PRICES.version
    assert ledger.spent("openai", TODAY) == charge.cost
    figures = figures_of(recorder)
    assert figures.by_labels(metrics.ANALYSIS_TOKENS) == {
        ("openai", "gpt-4o-mini", "input"): 1000,
        ("openai", "gpt-4o-mini", "output"): 100,
    }
    assert figures.value(metrics.ANALYSIS_COST, "openai", "gpt-4o-mini") == charge.cost
    assert figures.by_labels(metrics.EXTERNAL_UNPRICED) == {}


def test_prices_minutes_of_audio(recorder: Recorder) -> None:
    charge = biller()(Usage("google", "latest_long", audio_seconds=150))
    assert charge.cost == pytest.approx(0.06)
    figures = figures_of(recorder)
    assert figures.value(metrics.TRANSCRIPTION_COST, "google", "latest_long") == charge.cost
    assert figures.by_labels(metrics.ANALYSIS_COST) == {}
    assert figures.by_labels(metrics.ANALYSIS_TOKENS) == {}


@pytest.mark.parametrize(
    "usage",
    [tokens("unheard-of"), Usage("azure", "gpt-4o-mini", 1, 1), Usage("openai", "gpt-4o")],
)
def test_an_unknown_price_is_not_nothing(recorder: Recorder, usage: Usage) -> None:
    ledger = MemoryLedger()
    assert biller(ledger)(usage).cost is None
    figures = figures_of(recorder)
    assert sum(figures.by_labels(metrics.EXTERNAL_UNPRICED).values()) == 1
    assert figures.by_labels(metrics.ANALYSIS_COST) == {}
    assert ledger.spent(usage.provider, TODAY) == 0


def test_names_of_models_are_bounded(recorder: Recorder) -> None:
    bill = biller(None, "llama-of-ours")
    for number in range(20):
        bill(tokens(f"made-up-{number}"))
    bill(tokens("llama-of-ours"))
    assert figures_of(recorder).by_labels(metrics.EXTERNAL_UNPRICED) == {
        ("openai", "other"): 20,
        ("openai", "llama-of-ours"): 1,
    }


class Away(MemoryLedger):
    """A ledger that is unavailable at first."""

    away = True

    def add(self, provider: str, day: date, dollars: float) -> None:
        if self.away:
            raise Transient("away")
        super().add(provider, day, dollars)

    def spent(self, provider: str, day: date) -> float:
        if self.away:
            raise Transient("away")
        return super().spent(provider, day)


def test_what_cannot_be_kept_is_kept_with_the_next() -> None:
    ledger = Away()
    bill = biller(ledger)
    costs = [bill(tokens("gpt-4o")).cost or 0 for _ in range(2)]
    Budgets({"openai": 0}, ledger).admit("openai")
    ledger.away = False
    costs.append(bill(tokens("gpt-4o")).cost or 0)
    assert ledger.spent("openai", TODAY) == pytest.approx(sum(costs)) == pytest.approx(0.0105)
    with pytest.raises(Unusable):
        Budgets({"openai": 0}, ledger).admit("openai")


def test_the_bundled_list_prices_each_model_once() -> None:
    names = [(price.provider, price.model) for price in PRICES.models]
    assert len(names) == len(set(names))
    assert all((price.input and price.output) or price.minute for price in PRICES.models)


def test_an_operators_list_is_used_instead(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    models = [{"provider": "openai", "model": "llama", "input": 0, "output": 0}]
    path.write_text(json.dumps({"version": "ours-1", "models": models}))
    bill = Biller(load_prices(path), models=frozenset())
    assert bill(tokens("llama")) == Charge(0.0, "ours-1")
    assert bill(tokens("gpt-4o")) == Charge(None, "ours-1")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        '{"version": "1"}',
        '{"version": "1", "models": [{"provider": "a", "model": "b", "input": -1}]}',
        '{"version": "1", "models": [{"provider": "a", "model": "b", "inptu": 1}]}',
    ],
)
def test_a_wrong_list_is_one_line(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "prices.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Permanent, match="PRICES_FILE") as caught:
        load_prices(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
