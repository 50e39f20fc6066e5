"""What is announced of providers: second attempts, fallbacks, breakers, and what they cost."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from tasks import signals
from tasks.interviews.interview import AnalysisType, Stage
from tasks.signals import AskedAgain, Billed, BudgetSpent, CircuitOpened, FellBack

_FALLBACKS = {
    Stage.TRANSCRIBE: metrics.TRANSCRIPTION_FALLBACKS,
    Stage.SCHEDULE: metrics.SCHEDULING_FALLBACKS,
}


@contextmanager
def listening(recorder: Recorder) -> Iterator[None]:
    """Count what is announced, for as long as the context lasts."""
    listener = _Providers(recorder)
    with ExitStack() as stack:
        stack.enter_context(signals.asked_again.heard_by(listener.asked_again))
        stack.enter_context(signals.fell_back.heard_by(listener.fell_back))
        stack.enter_context(signals.budget_spent.heard_by(listener.budget_spent))
        stack.enter_context(signals.circuit_opened.heard_by(listener.circuit_opened))
        stack.enter_context(signals.billed.heard_by(listener.billed))
        yield


class _Providers:
    def __init__(self, recorder: Recorder) -> None:
        self._count = recorder.count

    def asked_again(self, fact: AskedAgain) -> None:
        self._count(metrics.EXTERNAL_RETRIES, fact.provider, fact.reason)

    def fell_back(self, fact: FellBack) -> None:
        providers = fact.from_provider, fact.to_provider
        if isinstance(fact.work, AnalysisType):
            self._count(metrics.ANALYSIS_FALLBACKS, fact.work, *providers)
        else:
            self._count(_FALLBACKS[fact.work], *providers)

    def budget_spent(self, fact: BudgetSpent) -> None:
        self._count(metrics.EXTERNAL_BUDGET_SKIPS, fact.provider)

    def circuit_opened(self, fact: CircuitOpened) -> None:
        self._count(metrics.CIRCUIT_OPENINGS, fact.service, fact.endpoint)

    def billed(self, fact: Billed) -> None:
        model = fact.provider, fact.model
        for direction, tokens in (("input", fact.input_tokens), ("output", fact.output_tokens)):
            if tokens is not None:
                self._count(metrics.ANALYSIS_TOKENS, *model, direction, amount=tokens)
        if fact.cost is None:
            self._count(metrics.EXTERNAL_UNPRICED, *model)
            return
        spent = metrics.ANALYSIS_COST if fact.audio_seconds is None else metrics.TRANSCRIPTION_COST
        self._count(spent, *model, amount=fact.cost)
