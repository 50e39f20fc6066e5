"""Metrics match the requests that services received during many random failures."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
import stamina

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from monitoring.signals import providers, stages
from tasks.analysis.findings import ModelCall, SummaryFinding
from tasks.errors import CircuitOpen, InterviewWorkerError, Permanent, Transient, Unusable
from tasks.interviews.transcript import Transcript
from tasks.providers.language import LanguageProviders
from tests.fakes.language import FakeLanguage
from tests.fakes.ledger import MemoryLedger
from tests.monitoring.figures import Figures, figures_of
from tests.samples import true_transcript
from worker.adapters.billing import Biller, Budgets
from worker.adapters.prices import load_prices
from worker.adapters.providers import Usage
from worker.adapters.resilience.breaker import BreakerRegistry
from worker.adapters.resilience.retry import StaminaRetry

SAID = true_transcript("technical", speakers=False)
MODEL = "gpt-4o-mini"
QUESTIONS = 400
FAILURES = 4


class Service:
    """A service that counts its requests independently of the metrics."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.chance = chance
        self.seen: Counter[str] = Counter()
        self.money = 0.0
        self.refused = 0
        self.failed_in_a_row = 0
        self.tried = False
        self.given_up = 0

    def answer(self) -> str:
        kinds = ("good", "useless", "busy", "closed", "nonsense")
        (kind,) = self.chance.choices(kinds, weights=(40, 10, 40, 8, 2))
        self.seen[kind] += 1
        self.failed_in_a_row = self.failed_in_a_row + 1 if kind in {"busy", "closed"} else 0
        # The first request after the circuit was open is a trial.
        given_up = self.failed_in_a_row >= (1 if self.tried else FAILURES)
        self.given_up += given_up
        self.tried = given_up
        if kind in {"good", "useless"}:
            self.money += 0.00021
        return kind


ERRORS: dict[str, InterviewWorkerError] = {
    "busy": Transient("busy", code="busy"),
    "closed": Unusable("closed"),
    "nonsense": Permanent("nonsense"),
}


class Cloud(FakeLanguage):
    def __init__(self, service: Service, guard: BreakerRegistry, bill: Biller) -> None:
        super().__init__()
        self.service, self.guard, self.bill = service, guard, bill

    @property
    def name(self) -> str:
        return self.service.name

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        try:
            with self.guard(self.name, "/answers"):
                kind = self.service.answer()
                if kind in ERRORS:
                    raise ERRORS[kind]
        except CircuitOpen:
            self.service.refused += 1
            raise
        charge = self.bill(Usage(self.name, MODEL, 1000, 100))
        if kind == "useless":
            raise Unusable("it is useless")
        call = ModelCall(provider=self.name, model=MODEL, cost=charge.cost)
        return SummaryFinding(text=transcript.text[:9], confidence=1.0, call=call)


TODAY = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the date during a test, even around midnight."""
    moment = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
    monkeypatch.setattr("worker.adapters.billing.now", lambda: moment)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with providers.connected(recorder), stages.connected(recorder):
        yield recorder


@pytest.mark.parametrize("seed", range(3))
def test_every_figure_is_what_the_services_saw(recorder: Recorder, seed: int) -> None:
    chance, ledger = random.Random(seed), MemoryLedger()
    guard = BreakerRegistry(None, failures=FAILURES, seconds=0.001, trial_timeout=1)
    listed = load_prices(None)
    (price,) = (one for one in listed.models if one.model == MODEL)
    mine = [price.model_copy(update={"provider": name}) for name in ("one", "two")]
    bill = Biller(listed.model_copy(update={"models": tuple(mine)}), ledger, models=frozenset())
    services = [Service("one", chance), Service("two", chance)]
    clouds = [Cloud(service, guard, bill) for service in services]
    patience = StaminaRetry(attempts=3, seconds=60, time_limit=60)
    chain = LanguageProviders(clouds, patience, Budgets({"two": 0.02}, ledger).admit)
    with stamina.set_testing(True, attempts=3):
        for _ in range(QUESTIONS):
            with suppress(Transient, Permanent):
                chain.summarise(SAID)
    found = figures_of(recorder)
    one, two = services
    fallbacks = QUESTIONS - one.seen["good"] - one.seen["nonsense"]
    assert found.by_labels(metrics.ANALYSIS_FALLBACKS) == {("overall", "one", "two"): fallbacks}
    skips = found.value(metrics.EXTERNAL_BUDGET_SKIPS, "two") or 0
    assert 0 < skips < fallbacks
    assert two.money == pytest.approx(0.02, abs=0.00021)
    check(found, one, ledger, QUESTIONS)
    check(found, two, ledger, fallbacks - skips)


def check(found: Figures, service: Service, ledger: MemoryLedger, questions: float) -> None:
    name, seen = service.name, service.seen
    asked = seen.total() + service.refused
    analyses = found.by_labels(metrics.ANALYSES)
    assert analyses["overall", name, "success"] == seen["good"]
    assert analyses["overall", name, "error"] == asked - seen["good"]
    assert found.value(metrics.EXTERNAL_RETRIES, name, "busy") == asked - questions > 0
    assert found.value(metrics.CIRCUIT_OPENINGS, name, "/answers") == service.given_up > 0
    billed = seen["good"] + seen["useless"]
    assert found.by_labels(metrics.ANALYSIS_TOKENS)[name, MODEL, "input"] == 1000 * billed
    assert found.value(metrics.ANALYSIS_COST, name, MODEL) == pytest.approx(service.money)
    assert ledger.spent(name, TODAY) == pytest.approx(service.money)
