"""Metrics of providers: retries, fallbacks, circuit breakers and costs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from tasks import signals
from tasks.interviews.interview import AnalysisType, Stage
from tasks.signals import Billed, BudgetSpent, CircuitOpened, ProviderFallback, ProviderRetried

_FALLBACKS = {
    Stage.TRANSCRIBE: metrics.TRANSCRIPTION_FALLBACKS,
    Stage.SCHEDULE: metrics.SCHEDULING_FALLBACKS,
}


@contextmanager
def connected(recorder: Recorder) -> Iterator[None]:
    """Record provider signals for the duration of the context."""
    listener = _Providers(recorder)
    with ExitStack() as stack:
        stack.enter_context(signals.provider_retried.connected(listener.provider_retried))
        stack.enter_context(signals.provider_fallback.connected(listener.provider_fallback))
        stack.enter_context(signals.budget_spent.connected(listener.budget_spent))
        stack.enter_context(signals.circuit_opened.connected(listener.circuit_opened))
        stack.enter_context(signals.billed.connected(listener.billed))
        yield


class _Providers:
    def __init__(self, recorder: Recorder) -> None:
        self._count = recorder.count

    def provider_retried(self, event: ProviderRetried) -> None:
        self._count(metrics.EXTERNAL_RETRIES, event.provider, event.reason)

    def provider_fallback(self, event: ProviderFallback) -> None:
        providers = event.from_provider, event.to_provider
        if isinstance(event.work, AnalysisType):
            self._count(metrics.ANALYSIS_FALLBACKS, event.work, *providers)
        else:
            self._count(_FALLBACKS[event.work], *providers)

    def budget_spent(self, event: BudgetSpent) -> None:
        self._count(metrics.EXTERNAL_BUDGET_SKIPS, event.provider)

    def circuit_opened(self, event: CircuitOpened) -> None:
        self._count(metrics.CIRCUIT_OPENINGS, event.service, event.endpoint)

    def billed(self, event: Billed) -> None:
        model = event.provider, event.model
        for direction, tokens in (("input", event.input_tokens), ("output", event.output_tokens)):
            if tokens is not None:
                self._count(metrics.ANALYSIS_TOKENS, *model, direction, amount=tokens)
        if event.cost is None:
            self._count(metrics.EXTERNAL_UNPRICED, *model)
            return
        spent = metrics.ANALYSIS_COST if event.audio_seconds is None else metrics.TRANSCRIPTION_COST
        self._count(spent, *model, amount=event.cost)
