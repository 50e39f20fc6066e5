"""Tests that metrics match what servers saw in a storm of HTTP failures, with real libraries."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
import stamina
from pydantic import SecretStr

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from monitoring.signals import providers, services, stages
from tasks.errors import Permanent, Transient
from tasks.providers.language import LanguageProviders
from tests.fakes.ledger import MemoryLedger
from tests.monitoring.figures import Figures, figures_of
from tests.servers.models import (
    anthropic_answer,
    anthropic_error,
    openai_answer,
    openai_error,
)
from tests.servers.scripted import Answer, Request, scripted_server
from tests.talk import talk
from worker.adapters.billing import Biller, Budgets
from worker.adapters.language import anthropic_messages, openai_chat
from worker.adapters.prices import load_prices
from worker.adapters.providers import Context
from worker.adapters.resilience.breaker import BreakerRegistry
from worker.adapters.resilience.retry import StaminaRetry
from worker.settings import Settings

SAID = talk(("c", "I rolled the release back within four minutes."))
SUMMARY = {"text": "An outage was undone.", "confidence": 0.5}
QUESTIONS = 60
FAILURES = 3
KINDS = {"good": 30, "refused": 8, "busy": 15, "down": 15, "reset": 5, "closed": 8, "bad": 4}
BILLED = ("good", "refused")
FAILED = ("busy", "down", "reset", "closed")
STATUSES = {"good": "200", "refused": "200", "busy": "429", "down": "500", "closed": "401"}

OPENAI = {
    "good": Answer(body=openai_answer(json.dumps(SUMMARY))),
    "refused": Answer(body=openai_answer(None, refusal="I cannot.")),
    "busy": openai_error(429, "requests", "rate_limit_exceeded"),
    "down": openai_error(500, "server_error", None),
    "reset": Answer(reset=True),
    "closed": openai_error(401, "invalid_request_error", "invalid_api_key"),
    "bad": openai_error(400, "invalid_request_error", None),
}
ANTHROPIC = {
    "good": Answer(body=anthropic_answer(SUMMARY)),
    "refused": Answer(body=anthropic_answer(None, stop_reason="refusal")),
    "busy": anthropic_error(429, "rate_limit_error"),
    "down": anthropic_error(500, "api_error"),
    "reset": Answer(reset=True),
    "closed": anthropic_error(401, "authentication_error"),
    "bad": anthropic_error(400, "invalid_request_error"),
}


@dataclass
class Weather:
    """Random responses of a server, and its record of them."""

    answers: dict[str, Answer]
    chance: random.Random
    seen: Counter[str] = field(default_factory=Counter)
    openings: int = 0
    _in_a_row: int = 0
    _tried: bool = False

    def __call__(self, request: Request) -> Answer:
        assert request.method == "POST"
        (kind,) = self.chance.choices(list(KINDS), weights=list(KINDS.values()))
        self.seen[kind] += 1
        self._in_a_row = self._in_a_row + 1 if kind in FAILED else 0
        # The first request after the circuit was open is a trial.
        opened = self._in_a_row >= (1 if self._tried else FAILURES)
        self.openings += opened
        self._tried = opened
        return self.answers[kind]


TODAY = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the date during a test, even around midnight."""
    moment = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
    monkeypatch.setattr("worker.adapters.billing.now", lambda: moment)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with ExitStack() as stack:
        for listeners in (providers, services, stages):
            stack.enter_context(listeners.connected(recorder))
        yield recorder


def test_metrics_match_the_servers_records(recorder: Recorder, broker_url: str) -> None:
    chance, ledger = random.Random(7), MemoryLedger()
    first, second = Weather(OPENAI, chance), Weather(ANTHROPIC, chance)
    settled = 0
    with ExitStack() as stack:
        one = stack.enter_context(scripted_server(first))
        two = stack.enter_context(scripted_server(second))
        settings = Settings(
            openai_api_key=SecretStr("sk-x"),
            openai_base_url=f"{one.url}/v1",
            anthropic_api_key=SecretStr("sk-x"),
            anthropic_base_url=two.url,
        )
        guard = stack.enter_context(
            closing(BreakerRegistry(broker_url, failures=FAILURES, seconds=0.001, trial_timeout=1))
        )
        bill = Biller(load_prices(None), ledger, models=frozenset())
        context = Context(settings, guard, bill)
        made = [module.open_provider(context) for module in (openai_chat, anthropic_messages)]
        for each in made:
            stack.enter_context(closing(each))
        patience = StaminaRetry(attempts=3, seconds=60, time_limit=60)
        chain = LanguageProviders(made, patience, Budgets({}, ledger).admit)
        stack.enter_context(stamina.set_testing(True, attempts=3))
        for _ in range(QUESTIONS):
            with suppress(Transient, Permanent):
                chain.summarise(SAID)
                settled += 1
    found = figures_of(recorder)
    assert settled == first.seen["good"] + second.seen["good"]
    passed_on = QUESTIONS - first.seen["good"] - first.seen["bad"]
    assert found.by_labels(metrics.ANALYSIS_FALLBACKS) == {
        ("overall", "openai", "anthropic"): passed_on
    }
    check(found, first, ledger, "openai", "gpt-5-mini")
    check(found, second, ledger, "anthropic", "claude-sonnet-4-6")


def check(found: Figures, weather: Weather, ledger: MemoryLedger, name: str, model: str) -> None:
    seen = weather.seen
    asked = found.by_labels(metrics.EXTERNAL_REQUESTS)
    expected = Counter({"error": seen["reset"], "400": seen["bad"]})
    for kind, status in STATUSES.items():
        expected[status] += seen[kind]
    assert Counter({s: n for (service, _, s), n in asked.items() if service == name}) == expected
    failed = sum(seen[kind] for kind in FAILED)
    assert found.value(metrics.EXTERNAL_ERRORS, name) == failed
    endpoint = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[name]
    assert found.value(metrics.CIRCUIT_OPENINGS, name, endpoint) == weather.openings > 0
    assert found.by_labels(metrics.ANALYSES)["overall", name, "success"] == seen["good"]
    billed = sum(seen[kind] for kind in BILLED)
    tokens = found.by_labels(metrics.ANALYSIS_TOKENS)
    assert tokens[name, model, "input"] == 1200 * billed
    assert tokens[name, model, "output"] == 300 * billed
    price = load_prices(None).find(name, model)
    assert price is not None
    money = billed * (1200 * (price.input or 0) + 300 * (price.output or 0)) / 1_000_000
    assert found.value(metrics.ANALYSIS_COST, name, model) == pytest.approx(money)
    assert ledger.spent(name, TODAY) == pytest.approx(money)
