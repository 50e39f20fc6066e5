"""Facts that are announced as they happen, for whoever watches.

Announcing costs a function call where nobody listens. A listener that raises is logged and harms
nothing else.
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
    """A signal that carries a fact of one kind."""

    def __init__(self, name: str) -> None:
        # With its cache, sending takes half the time.
        self._signal = CelerySignal(name=name, providing_args=["event"], use_caching=True)

    def send(self, event: F) -> None:
        """Tell all listeners."""
        self._signal.send(sender=self, event=event)

    @contextmanager
    def connected(self, receiver: Callable[[F], None]) -> Iterator[None]:
        """Have a listener told, for as long as the context lasts."""

        def receive(*, event: F, **_: object) -> None:
            receiver(event)

        self._signal.connect(receive, weak=False)
        try:
            yield
        finally:
            self._signal.disconnect(receive)


class AttemptOutcome(StrEnum):
    """How an attempt at a stage ended."""

    SUCCESS = "success"
    RETRY = "retry"
    FAILED = "failed"
    UNWANTED = "unwanted"
    """The interview was cancelled, erased or taken over meanwhile."""


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt at a stage came to its end.

    Attributes:
        seconds: How long it took.
        reason: The code of the error, where another attempt is due.
    """

    stage: Stage
    outcome: AttemptOutcome
    seconds: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptLost:
    """An attempt at a stage ended without a word: its process died, or its broker went away."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class Resumed:
    """An interview that stood still was sent on its way again.

    Attributes:
        stage: The stage that is next.
        reason: lease_lapsed, message_lost or retry.
    """

    stage: Stage
    reason: str


@dataclass(frozen=True, slots=True)
class InterviewEnded:
    """An interview came to its end.

    Attributes:
        status: Completed, failed or cancelled.
        type: The type of interview.
        seconds: Since it was queued.
    """

    status: Status
    type: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TranscriptionEnded:
    """A speech provider answered, or did not.

    Attributes:
        provider: Its name.
        status: success, error, or unwanted where the interview was called off meanwhile.
        audio: The recording.
        seconds: How long it took.
        transcript: What it heard, if it answered.
    """

    provider: str
    status: str
    audio: Audio
    seconds: float
    transcript: Transcript | None


@dataclass(frozen=True, slots=True)
class TranscriptionRecovered:
    """A transcription succeeded after an attempt that had not.

    Attributes:
        provider: The name of the speech provider that succeeded.
    """

    provider: str


@dataclass(frozen=True, slots=True)
class AnalysisEnded:
    """A language provider answered one question, or did not.

    Attributes:
        type: The part of the analysis.
        provider: Its name.
        seconds: How long it took.
        call: Which model answered, and at what cost; None where none did.
    """

    type: AnalysisType
    provider: str
    seconds: float
    call: ModelCall | None


@dataclass(frozen=True, slots=True)
class AnalysisScored:
    """A part of a report is done.

    Attributes:
        type: The part.
        confidence: From 0 to 1.
    """

    type: AnalysisType
    confidence: float


@dataclass(frozen=True, slots=True)
class SchedulingEnded:
    """An attempt to book a follow-up came to its end: success, unscheduled or error."""

    status: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CalendarCalled:
    """A calendar's interface was called once."""

    provider: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class ProviderRetried:
    """A provider is asked again after it failed.

    Attributes:
        provider: Its name.
        reason: The code of the error.
    """

    provider: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProviderFallback:
    """Work is passed on to another provider, after one could not do it.

    Attributes:
        work: Transcription, scheduling, or a part of an analysis.
        from_provider: The name of the one that could not.
        to_provider: The name of the next one.
    """

    work: Stage | AnalysisType
    from_provider: str
    to_provider: str


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """A provider was not asked, as its budget of the day is spent."""

    provider: str


@dataclass(frozen=True, slots=True)
class Billed:
    """A provider gave an answer that costs money, useful or not.

    Attributes:
        provider: Its name.
        model: The model, one of a bounded set.
        input_tokens: Tokens read; None where tokens are not counted.
        output_tokens: Tokens written; None where tokens are not counted.
        audio_seconds: Seconds of audio that are billed; None of language models.
        cost: US dollars; None where the price is not known.
    """

    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    audio_seconds: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class CircuitOpened:
    """A service failed so often that it is left alone for a while.

    Attributes:
        service: Its name.
        endpoint: What was asked for, as a template.
    """

    service: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class ServiceCalled:
    """A request was made to an external service.

    Attributes:
        service: Its name.
        endpoint: What was asked for, as a template: never an id, a name or an address.
        status: The HTTP status; None where no answer came.
        seconds: How long it took.
    """

    service: str
    endpoint: str
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class CallbackEnded:
    """A callback came to its end: delivered, given_up, or unwanted by its receiver."""

    status: str


@dataclass(frozen=True, slots=True)
class RecordProduced:
    """A record was sent to Kafka, or could not be."""

    topic: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class RecordConsumed:
    """A record was taken from Kafka: success, rejected or error."""

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
    """Announce that an interview came to its end just now."""
    seconds = (now() - interview.queued_at).total_seconds()
    interview_ended.send(InterviewEnded(status, interview.type, seconds))


def stopwatch() -> Callable[[], float]:
    """Start counting; the function returned tells the seconds since."""
    started = monotonic()
    return lambda: monotonic() - started
