"""Spans and span events for signals.

| signal              | span, or event of the current span                          |
|---------------------|-------------------------------------------------------------|
| transcription_ended | transcribe PROVIDER                                         |
| analysis_ended      | chat MODEL if a model was prompted, else analyse PART       |
| scheduling_ended    | book                                                        |
| service_called      | SERVICE ENDPOINT                                            |
| attempt_ended       | status of the current span; event retry if one is scheduled |
| provider_retried    | event asked_again                                           |
| provider_fallback   | event fell_back                                             |
| circuit_opened      | event circuit_opened                                        |

Spans are created with their past start time when the work has ended, so that the pipeline does not
depend on tracing.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from monitoring.trace_context import describe
from tasks import signals
from tasks.context import attributes
from tasks.signals import (
    AnalysisEnded,
    AttemptEnded,
    AttemptOutcome,
    CircuitOpened,
    ProviderFallback,
    ProviderRetried,
    SchedulingEnded,
    ServiceCalled,
    TranscriptionEnded,
)

_NANOSECONDS = 1_000_000_000
_KEPT_OUT = (401, 403, 429)
_SERVER_ERROR = 500
_WRONG = (AttemptOutcome.RETRY, AttemptOutcome.FAILED)


@contextmanager
def emit_spans(tracer: Tracer) -> Iterator[None]:
    """Create spans from signals for the duration of the context."""
    spans = _Spans(tracer)
    with ExitStack() as stack:
        for context in (
            signals.transcription_ended.connected(spans.transcription),
            signals.analysis_ended.connected(spans.analysis),
            signals.scheduling_ended.connected(spans.scheduling),
            signals.service_called.connected(spans.service),
            signals.attempt_ended.connected(_attempt),
            signals.provider_retried.connected(_provider_retried),
            signals.provider_fallback.connected(_provider_fallback),
            signals.circuit_opened.connected(_circuit_opened),
        ):
            stack.enter_context(context)
        yield


class _Spans:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def transcription(self, event: TranscriptionEnded) -> None:
        known: dict[str, AttributeValue | None] = {
            "interview.provider": event.provider,
            "interview.audio.seconds": event.audio.duration,
        }
        self._emit(f"transcribe {event.provider}", event.seconds, known, event.status == "error")

    def analysis(self, event: AnalysisEnded) -> None:
        call = event.call
        known: dict[str, AttributeValue | None] = {
            "interview.analysis": str(event.type),
            "gen_ai.provider.name": event.provider,
        }
        name, kind = f"analyse {event.type}", SpanKind.INTERNAL
        if call is not None and call.prompt_version is not None:
            name, kind = f"chat {call.model}", SpanKind.CLIENT
            known |= {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": call.model,
                "gen_ai.usage.input_tokens": call.input_tokens,
                "gen_ai.usage.output_tokens": call.output_tokens,
            }
        self._emit(name, event.seconds, known, call is None, kind)

    def scheduling(self, event: SchedulingEnded) -> None:
        self._emit(
            "book", event.seconds, {"interview.outcome": event.status}, event.status == "error"
        )

    def service(self, event: ServiceCalled) -> None:
        known: dict[str, AttributeValue | None] = {
            "peer.service": event.service,
            "http.response.status_code": event.status,
        }
        # A 404 for a calendar that does not exist yet is not an error.
        status = event.status
        wrong = status is None or status >= _SERVER_ERROR or status in _KEPT_OUT
        name = f"{event.service} {event.endpoint}"
        self._emit(name, event.seconds, known, wrong, SpanKind.CLIENT)

    def _emit(
        self,
        name: str,
        seconds: float,
        attributes: Mapping[str, AttributeValue | None],
        wrong: bool,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        if not trace.get_current_span().get_span_context().is_valid:
            return
        now = time.time_ns()
        span = self._tracer.start_span(
            name,
            kind=kind,
            attributes={name: one for name, one in attributes.items() if one is not None},
            start_time=now - round(seconds * _NANOSECONDS),
        )
        if wrong:
            span.set_status(Status(StatusCode.ERROR))
        span.end(now)


def _attempt(event: AttemptEnded) -> None:
    span = trace.get_current_span()
    describe(attributes())
    span.set_attributes({"interview.stage": event.stage, "interview.outcome": event.outcome})
    if event.outcome in _WRONG:
        span.set_status(Status(StatusCode.ERROR))
    if event.outcome is AttemptOutcome.RETRY:
        span.add_event("retry", {"error.type": event.reason or "unknown"})


def _provider_retried(event: ProviderRetried) -> None:
    trace.get_current_span().add_event(
        "asked_again", {"interview.provider": event.provider, "error.type": event.reason}
    )


def _provider_fallback(event: ProviderFallback) -> None:
    trace.get_current_span().add_event(
        "fell_back",
        {"interview.provider": event.from_provider, "interview.next_provider": event.to_provider},
    )


def _circuit_opened(event: CircuitOpened) -> None:
    trace.get_current_span().add_event("circuit_opened", {"peer.service": event.service})
