"""Typed signals, through which the pipeline reports events to monitoring.

Sending a signal without receivers costs one function call. An exception in a receiver is logged and
does not affect the sender or other receivers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Generic, TypeVar

from celery.utils.dispatch import Signal as CelerySignal

from tasks.analysis.findings import ModelCall
from tasks.clock import now
from tasks.interviews.interview import AnalysisType, Audio, Interview, Stage, Status
from tasks.interviews.transcript import Transcript

F = TypeVar("F")


class Signal(Generic[F]):
    """A signal that carries events of one type."""

    def __init__(self, name: str) -> None:
        # Caching receivers halves the time to send.
        self._signal = CelerySignal(name=name, providing_args=["event"], use_caching=True)

    def send(self, event: F) -> None:
        """Call all receivers."""
        self._signal.send(sender=self, event=event)

    @contextmanager
    def connected(self, receiver: Callable[[F], None]) -> Iterator[None]:
        """Connect a receiver for the duration of the context."""

        def receive(*, event: F, **_: object) -> None:
            receiver(event)

        self._signal.connect(receive, weak=False)
        try:
            yield
        finally:
            self._signal.disconnect(receive)


class AttemptOutcome(StrEnum):
    """The outcome of an attempt at a stage."""

    SUCCESS = "success"
    RETRY = "retry"
    FAILED = "failed"
    UNWANTED = "unwanted"
    """The interview was cancelled, erased or taken over in the meantime."""


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt at a stage ended.

    Attributes:
        stage: The stage.
        outcome: The outcome.
        seconds: The duration.
        reason: The error code, if the attempt will be retried.
    """

    stage: Stage
    outcome: AttemptOutcome
    seconds: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptLost:
    """An attempt at a stage ended without an outcome: its process died, or its broker failed."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class Resumed:
    """An interview without an active run or message was dispatched again.

    Attributes:
        stage: The next stage.
        reason: lease_lapsed, message_lost or retry.
    """

    stage: Stage
    reason: str


@dataclass(frozen=True, slots=True)
class InterviewEnded:
    """An interview finished.

    Attributes:
        status: Completed, failed or cancelled.
        type: The interview type.
        seconds: Seconds since it was queued.
    """

    status: Status
    type: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TranscriptionEnded:
    """A call to a speech provider ended.

    Attributes:
        provider: The provider's name.
        status: success, error, or unwanted if the interview was cancelled in the meantime.
        audio: The recording.
        seconds: The duration.
        transcript: The transcript, if successful.
    """

    provider: str
    status: str
    audio: Audio
    seconds: float
    transcript: Transcript | None


@dataclass(frozen=True, slots=True)
class TranscriptionRecovered:
    """A transcription succeeded after a failed attempt.

    Attributes:
        provider: The name of the speech provider that succeeded.
    """

    provider: str


@dataclass(frozen=True, slots=True)
class AnalysisEnded:
    """A call to a language provider ended.

    Attributes:
        type: The part of the analysis.
        provider: The provider's name.
        seconds: The duration.
        call: The model and its cost; None if the call failed.
    """

    type: AnalysisType
    provider: str
    seconds: float
    call: ModelCall | None


@dataclass(frozen=True, slots=True)
class AnalysisScored:
    """A part of a report was scored.

    Attributes:
        type: The part.
        confidence: From 0 to 1.
    """

    type: AnalysisType
    confidence: float


@dataclass(frozen=True, slots=True)
class SchedulingEnded:
    """An attempt to book a follow-up ended: success, unscheduled or error."""

    status: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CalendarCalled:
    """A calendar's API was called once."""

    provider: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class ProviderRetried:
    """A failed provider call is retried.

    Attributes:
        provider: The provider's name.
        reason: The error code.
    """

    provider: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProviderFallback:
    """Work is passed to the next provider after one failed.

    Attributes:
        work: Transcription, scheduling, or a part of an analysis.
        from_provider: The name of the provider that failed.
        to_provider: The name of the next provider.
    """

    work: Stage | AnalysisType
    from_provider: str
    to_provider: str


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """A provider was not called because its daily budget is spent."""

    provider: str


@dataclass(frozen=True, slots=True)
class Billed:
    """A provider charged for an answer, valid or not.

    Attributes:
        provider: The provider's name.
        model: The model, one of a bounded set.
        input_tokens: Tokens read; None if tokens are not counted.
        output_tokens: Tokens written; None if tokens are not counted.
        audio_seconds: Seconds of audio billed; None for language models.
        cost: US dollars; None if the price is unknown.
    """

    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    audio_seconds: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class CircuitOpened:
    """A circuit breaker opened after repeated failures of a service.

    Attributes:
        service: The service's name.
        endpoint: The endpoint as a template.
    """

    service: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class ServiceCalled:
    """A request was sent to an external service.

    Attributes:
        service: The service's name.
        endpoint: The endpoint as a template, without ids, names or addresses.
        status: The HTTP status; None without a response.
        seconds: The duration.
    """

    service: str
    endpoint: str
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class CallbackEnded:
    """A callback ended: delivered, given_up, or unwanted by its receiver."""

    status: str


@dataclass(frozen=True, slots=True)
class RecordProduced:
    """A record was sent to Kafka, or sending it failed."""

    topic: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class RecordConsumed:
    """A record was consumed from Kafka: success, rejected or error."""

    topic: str
    status: str


attempt_ended: Signal[AttemptEnded] = Signal("attempt_ended")
attempt_lost: Signal[AttemptLost] = Signal("attempt_lost")
resumed: Signal[Resumed] = Signal("resumed")
interview_ended: Signal[InterviewEnded] = Signal("interview_ended")
transcription_ended: Signal[TranscriptionEnded] = Signal("transcription_ended")
transcription_recovered: Signal[TranscriptionRecovered] = Signal("transcription_recovered")
analysis_ended: Signal[AnalysisEnded] = Signal("analysis_ended")
analysis_scored: Signal[AnalysisScored] = Signal("analysis_scored")
scheduling_ended: Signal[SchedulingEnded] = Signal("scheduling_ended")
calendar_called: Signal[CalendarCalled] = Signal("calendar_called")
provider_retried: Signal[ProviderRetried] = Signal("provider_retried")
provider_fallback: Signal[ProviderFallback] = Signal("provider_fallback")
budget_spent: Signal[BudgetSpent] = Signal("budget_spent")
billed: Signal[Billed] = Signal("billed")
circuit_opened: Signal[CircuitOpened] = Signal("circuit_opened")
service_called: Signal[ServiceCalled] = Signal("service_called")
callback_ended: Signal[CallbackEnded] = Signal("callback_ended")
record_produced: Signal[RecordProduced] = Signal("record_produced")
record_consumed: Signal[RecordConsumed] = Signal("record_consumed")


def announce_end(interview: Interview, status: Status) -> None:
    """Send `interview_ended` for an interview that has just finished."""
    seconds = (now() - interview.queued_at).total_seconds()
    interview_ended.send(InterviewEnded(status, interview.type, seconds))


def stopwatch() -> Callable[[], float]:
    """Start a timer; the returned function gives the seconds elapsed."""
    started = monotonic()
    return lambda: monotonic() - started
