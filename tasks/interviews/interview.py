"""The interview document and its state machine."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tasks.interviews.callbacks import CallbackUrl
from tasks.interviews.people import FollowUp, Moment, Person, TimeZone
from tasks.interviews.transcript import Speaker

DEFAULT_TENANT = "default"
"""The tenant of interviews submitted without the API key of another tenant."""


class Stage(StrEnum):
    """The stages of the pipeline, in order."""

    TRANSCRIBE = "transcribe"
    ANALYSE = "analyse"
    SCHEDULE = "schedule"

    @property
    def status(self) -> "Status":
        """The status of an interview in this stage, waiting or running."""
        return _STATUS_OF_STAGE[self]

    @property
    def next_status(self) -> "Status":
        """The status of an interview after this stage."""
        return _STATUS_AFTER_STAGE[self]


class Status(StrEnum):
    """The status of an interview."""

    QUEUED = "queued"
    TRANSCRIBING = "transcribing"
    ANALYSING = "analysing"
    SCHEDULING = "scheduling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the interview has finished."""
        return self in FINAL


_STATUS_OF_STAGE = {
    Stage.TRANSCRIBE: Status.TRANSCRIBING,
    Stage.ANALYSE: Status.ANALYSING,
    Stage.SCHEDULE: Status.SCHEDULING,
}
_STATUS_AFTER_STAGE = {
    Stage.TRANSCRIBE: Status.ANALYSING,
    Stage.ANALYSE: Status.SCHEDULING,
    Stage.SCHEDULE: Status.COMPLETED,
}

FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
ACTIVE = frozenset(Status) - FINAL

TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.QUEUED: frozenset({Status.TRANSCRIBING, Status.FAILED, Status.CANCELLED}),
        Status.TRANSCRIBING: frozenset({Status.ANALYSING, Status.FAILED, Status.CANCELLED}),
        Status.ANALYSING: frozenset({Status.SCHEDULING, Status.FAILED, Status.CANCELLED}),
        Status.SCHEDULING: frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
        # A retry on request resumes a failed interview at the stage that failed.
        Status.FAILED: frozenset({Status.QUEUED, Status.ANALYSING, Status.SCHEDULING}),
        Status.COMPLETED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
)
"""The state machine: the statuses that may follow each status."""


class Priority(StrEnum):
    """The priority of an interview's messages in a queue."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class AnalysisType(StrEnum):
    """The parts of an analysis, each of which can be requested separately."""

    SENTIMENT = "sentiment"
    COMPETENCY = "competency"
    OVERALL = "overall"


class AudioQuality(BaseModel):
    """Sound quality, measured without speech recognition."""

    model_config = ConfigDict(frozen=True)

    loudness_dbfs: float | None
    """Root mean square level, decibels relative to full scale; None for digital silence."""
    clipping_ratio: float = Field(ge=0, le=1)
    """Share of samples at full scale."""
    silence_ratio: float = Field(ge=0, le=1)
    """Share of frames without sound."""
    snr_db: float | None
    """Estimated signal-to-noise ratio in decibels; None if there is no sound or no pause."""


class Audio(BaseModel):
    """Properties of the recording, measured before the interview was queued."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(max_length=255)
    size: int = Field(ge=0)
    """Bytes."""
    container: str
    codec: str
    duration: float = Field(gt=0)
    """Seconds."""
    channels: int = Field(ge=1)
    sample_rate: int = Field(gt=0)
    """Hertz."""
    quality: AudioQuality


class Channels(BaseModel):
    """The speaker on each channel of a stereo recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: Speaker
    right: Speaker

    @model_validator(mode="after")
    def _are_two_speakers(self) -> Self:
        if self.left == self.right:
            raise ValueError("the two channels must carry different speakers")
        return self


class Consent(BaseModel):
    """The candidate's consent to automated analysis."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    at: Moment


class StageError(BaseModel):
    """Why a stage failed."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    transient: bool
    attempt: int
    """The attempt that failed, counted from 1."""


class StageRecord(BaseModel):
    """The record of one stage."""

    model_config = ConfigDict(frozen=True)

    attempts: int = 0
    run: str | None = Field(default=None, exclude=True)
    """The run that owns the stage; results of other runs are refused."""
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    provider: str | None = None
    progress: float = Field(default=0.0, ge=0, le=100)
    """Percent done."""
    error: StageError | None = None
    """The last failure; kept after a successful retry."""


class BookingOutcome(StrEnum):
    """The outcome of scheduling."""

    BOOKED = "booked"
    UNSCHEDULED = "unscheduled"


class Booking(BaseModel):
    """The follow-up meeting, or the reason why none was booked."""

    model_config = ConfigDict(frozen=True)

    outcome: BookingOutcome
    reason: str | None = None
    """Why nothing was booked, as a code.

    One of `no_slot`, `no_interviewers`, `calendar_unreadable` and `calendar_refused`.
    """
    detail: str | None = None
    """The reason, as a sentence."""
    uid: str | None = None
    """The calendar event's UID, derived from the interview id."""
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    time_zone: TimeZone | None = None
    attendees: tuple[str, ...] = ()
    """E-mail addresses."""
    calendars: tuple[str, ...] = ()
    """The calendars that hold the event."""
    provider: str | None = None
    """The calendar provider with which it is booked."""
    invitation: str | None = None
    """The iTIP REQUEST (RFC 5546) as iCalendar text."""


class Source(StrEnum):
    """The kind of producer that submitted an interview."""

    HTTP = "http"
    CLI = "cli"
    KAFKA = "kafka"
    CELERY = "celery"


def _new_stages() -> dict[Stage, StageRecord]:
    return {stage: StageRecord() for stage in Stage}


class Submission(BaseModel):
    """A producer's description of a recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(min_length=1, max_length=64)
    """One of the types the settings allow, such as `screening`."""
    candidate: Person
    interviewers: Annotated[tuple[Person, ...], Field(max_length=10)] = ()
    """Interviewers for the follow-up meeting; without any, nothing is booked."""
    time_zone: TimeZone = "UTC"
    priority: Priority = Priority.NORMAL
    channels: Channels | None = None
    analyses: tuple[AnalysisType, ...] = tuple(AnalysisType)
    consent: Consent | None = None
    follow_up: FollowUp = FollowUp()
    callback_url: CallbackUrl | None = None
    """Where events are posted; set to null when the receiver rejects all further events."""


class Interview(Submission):
    """An interview without its transcript and analysis, which are stored separately."""

    id: str
    tenant: str = DEFAULT_TENANT
    """The owner; keys of other tenants have no access."""
    source: Source
    status: Status = Status.QUEUED
    audio: Audio
    stages: dict[Stage, StageRecord] = Field(default_factory=_new_stages)
    booking: Booking | None = None
    rounds: int = 1
    """The number of pipeline runs: 1, plus one for each requested retry."""
    created_at: AwareDatetime
    updated_at: AwareDatetime
    message_at: AwareDatetime | None = Field(default=None, exclude=True)
    """When the current Celery message was published."""
    traceparent: str | None = Field(default=None, exclude=True)
    """The root of its trace (W3C Trace Context); None if it has none."""
    lease_until: AwareDatetime | None = Field(default=None, exclude=True)
    """When the current run's lease expires unless renewed; None if no run is active."""
    next_attempt_at: AwareDatetime | None = None
    """When the next attempt at the current stage is due; None if no retry is pending."""
    erasing_at: AwareDatetime | None = Field(default=None, exclude=True)
    """When erasure began; the interview is not dispatched again after that."""
    retried_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @property
    def queued_at(self) -> AwareDatetime:
        """When it was last queued: at creation or at the last requested retry."""
        return self.retried_at or self.created_at

    @property
    def failed_stage(self) -> Stage | None:
        """The stage that failed; None unless the interview is `failed`."""
        if self.status is not Status.FAILED:
            return None
        return next((s for s in Stage if self.stages[s].finished_at is None), None)

    @property
    def current_stage(self) -> Stage | None:
        """The stage that is next or running; None if the interview has finished."""
        if self.status.final:
            return None
        return next(s for s in Stage if self.stages[s].finished_at is None)

    def zone_of(self, person: Person) -> str:
        """The time zone of a person."""
        return person.time_zone or self.time_zone
