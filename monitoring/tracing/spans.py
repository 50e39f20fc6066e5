"""Spans of what is announced: signal → span or event of a span.

| signal              | span, or event of the span at hand                        |
|---------------------|-----------------------------------------------------------|
| transcription_ended | transcribe PROVIDER                                       |
| analysis_ended      | chat MODEL where one was prompted, else analyse PART      |
| scheduling_ended    | book                                                      |
| service_called      | SERVICE ENDPOINT                                          |
| attempt_ended       | the outcome of the span at hand; event retry where one is |
| asked_again         | event asked_again                                         |
| fell_back           | event fell_back                                           |
| circuit_opened      | event circuit_opened                                      |

Spans are made when the work is over, of the time it took, so that whoever does it need not know.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from monitoring.trace_context import describe
from tasks import signals
from tasks.context import facts
from tasks.signals import (
    AnalysisEnded,
    AskedAgain,
    Attempt,
    AttemptEnded,
    CircuitOpened,
    FellBack,
    SchedulingEnded,
    ServiceCalled,
    TranscriptionEnded,
)

_NANOSECONDS = 1_000_000_000
_KEPT_OUT = (401, 403, 429)
_SERVER_ERROR = 500
_WRONG = (Attempt.RETRY, Attempt.FAILED)


@contextmanager
def drawn(tracer: Tracer) -> Iterator[None]:
    """Make spans of what is announced, for as long as the context lasts."""
    spans = _Spans(tracer)
    with ExitStack() as stack:
        for context in (
            signals.transcription_ended.heard_by(spans.transcription),
            signals.analysis_ended.heard_by(spans.analysis),
            signals.scheduling_ended.heard_by(spans.scheduling),
            signals.service_called.heard_by(spans.service),
            signals.attempt_ended.heard_by(_attempt),
            signals.asked_again.heard_by(_asked_again),
            signals.fell_back.heard_by(_fell_back),
            signals.circuit_opened.heard_by(_circuit_opened),
        ):
            stack.enter_context(context)
        yield


class _Spans:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def transcription(self, fact: TranscriptionEnded) -> None:
        known: dict[str, AttributeValue | None] = {
            "interview.provider": fact.provider,
            "interview.audio.seconds": fact.audio.duration,
        }
        self._draw(f"transcribe {fact.provider}", fact.seconds, known, fact.status == "error")

    def analysis(self, fact: AnalysisEnded) -> None:
        call = fact.call
        known: dict[str, AttributeValue | None] = {
            "interview.analysis": str(fact.type),
            "gen_ai.provider.name": fact.provider,
        }
        name, kind = f"analyse {fact.type}", SpanKind.INTERNAL
        if call is not None and call.prompt_version is not None:
            name, kind = f"chat {call.model}", SpanKind.CLIENT
            known |= {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": call.model,
                "gen_ai.usage.input_tokens": call.input_tokens,
                "gen_ai.usage.output_tokens": call.output_tokens,
            }
        self._draw(name, fact.seconds, known, call is None, kind)

    def scheduling(self, fact: SchedulingEnded) -> None:
        self._draw("book", fact.seconds, {"interview.outcome": fact.status}, fact.status == "error")

    def service(self, fact: ServiceCalled) -> None:
        known: dict[str, AttributeValue | None] = {
            "peer.service": fact.service,
            "http.response.status_code": fact.status,
        }
        # A calendar that is not there yet is answered by 404, and no fault.
        status = fact.status
        wrong = status is None or status >= _SERVER_ERROR or status in _KEPT_OUT
        name = f"{fact.service} {fact.endpoint}"
        self._draw(name, fact.seconds, known, wrong, SpanKind.CLIENT)

    def _draw(
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


def _attempt(fact: AttemptEnded) -> None:
    span = trace.get_current_span()
    describe(facts())
    span.set_attributes({"interview.stage": fact.stage, "interview.outcome": fact.outcome})
    if fact.outcome in _WRONG:
        span.set_status(Status(StatusCode.ERROR))
    if fact.outcome is Attempt.RETRY:
        span.add_event("retry", {"error.type": fact.reason or "unknown"})


def _asked_again(fact: AskedAgain) -> None:
    trace.get_current_span().add_event(
        "asked_again", {"interview.provider": fact.provider, "error.type": fact.reason}
    )


def _fell_back(fact: FellBack) -> None:
    trace.get_current_span().add_event(
        "fell_back",
        {"interview.provider": fact.from_provider, "interview.next_provider": fact.to_provider},
    )


def _circuit_opened(fact: CircuitOpened) -> None:
    trace.get_current_span().add_event("circuit_opened", {"peer.service": fact.service})
