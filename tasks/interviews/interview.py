"""The interview: the document that moves through the pipeline, and where it may move."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tasks.interviews.callbacks import CallbackUrl
from tasks.interviews.people import FollowUp, Moment, Person, TimeZone
from tasks.interviews.transcript import Speaker

DEFAULT_TENANT = "default"
"""Whose an interview is that nobody with a key of another tenant has submitted."""


class Stage(StrEnum):
    """The steps of the pipeline, in their order."""

    TRANSCRIBE = "transcribe"
    ANALYSE = "analyse"
    SCHEDULE = "schedule"

    @property
    def status(self) -> "Status":
        """The status of an interview that is in this stage, waiting or running."""
        return _STATUS_OF_STAGE[self]

    @property
    def next_status(self) -> "Status":
        """The status an interview takes when this stage is done."""
        return _STATUS_AFTER_STAGE[self]


class Status(StrEnum):
    """Where an interview is."""

    QUEUED = "queued"
    TRANSCRIBING = "transcribing"
    ANALYSING = "analysing"
    SCHEDULING = "scheduling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more happens by itself."""
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
        # A failed interview goes on from the stage that failed, when somebody asks for it.
        Status.FAILED: frozenset({Status.QUEUED, Status.ANALYSING, Status.SCHEDULING}),
        Status.COMPLETED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
)
"""The state machine: from each status, the statuses that may follow it."""


class Priority(StrEnum):
    """How soon an interview is taken from its queue."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class AnalysisType(StrEnum):
    """The parts of an analysis, which can be asked for apart."""

    SENTIMENT = "sentiment"
    COMPETENCY = "competency"
    OVERALL = "overall"


class AudioQuality(BaseModel):
    """How good the sound is, by figures that need no understanding of speech."""

    model_config = ConfigDict(frozen=True)

    loudness_dbfs: float | None
    """Root mean square level, decibels relative to full scale; None for digital silence."""
    clipping_ratio: float = Field(ge=0, le=1)
    """Share of samples at full scale."""
    silence_ratio: float = Field(ge=0, le=1)
    """Share of frames without sound."""
    snr_db: float | None
    """Estimated signal-to-noise ratio, decibels; None where there is no sound or no pause."""


class Audio(BaseModel):
    """The recording, as it was found to be before the interview was queued."""

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
    """Who speaks on which channel of a stereo recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: Speaker
    right: Speaker

    @model_validator(mode="after")
    def _are_two_speakers(self) -> Self:
        if self.left == self.right:
            raise ValueError("the two channels must carry different speakers")
        return self


class Consent(BaseModel):
    """The candidate's consent to being analysed by a machine."""

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
    """What happened in one stage."""

    model_config = ConfigDict(frozen=True)

    attempts: int = 0
    run: str | None = Field(default=None, exclude=True)
    """The run that owns the stage; a result is accepted from this run only."""
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    provider: str | None = None
    progress: float = Field(default=0.0, ge=0, le=100)
    """Percent done."""
    error: StageError | None = None
    """The last failure; kept after a retry that succeeded."""


class BookingOutcome(StrEnum):
    """How scheduling ended."""

    BOOKED = "booked"
    UNSCHEDULED = "unscheduled"


class Booking(BaseModel):
    """The follow-up meeting, or the reason why there is none."""

    model_config = ConfigDict(frozen=True)

    outcome: BookingOutcome
    reason: str | None = None
    """Why nothing was booked, as a code.

    One of `no_slot`, `no_interviewers`, `calendar_unreadable` and `calendar_refused`.
    """
    detail: str | None = None
    """The same for a person."""
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
    """Who keeps these calendars."""
    invitation: str | None = None
    """The iTIP REQUEST (RFC 5546) as iCalendar text."""


class Source(StrEnum):
    """The producer an interview came from."""

    HTTP = "http"
    CLI = "cli"
    KAFKA = "kafka"
    CELERY = "celery"


def _new_stages() -> dict[Stage, StageRecord]:
    return {stage: StageRecord() for stage in Stage}


class Submission(BaseModel):
    """What a producer says about a recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(min_length=1, max_length=64)
    """One of the types the settings allow, such as `screening`."""
    candidate: Person
    interviewers: Annotated[tuple[Person, ...], Field(max_length=10)] = ()
    """Who meets the candidate next; without any, nothing is booked."""
    time_zone: TimeZone = "UTC"
    priority: Priority = Priority.NORMAL
    channels: Channels | None = None
    analyses: tuple[AnalysisType, ...] = tuple(AnalysisType)
    consent: Consent | None = None
    follow_up: FollowUp = FollowUp()
    callback_url: CallbackUrl | None = None
    """Where its events are posted; null once the receiver has answered that it wants no more."""


class Interview(Submission):
    """An interview, without its transcript and its analysis, which are read apart."""

    id: str
    tenant: str = DEFAULT_TENANT
    """Whose it is; keys of other tenants do not see it."""
    source: Source
    status: Status = Status.QUEUED
    audio: Audio
    stages: dict[Stage, StageRecord] = Field(default_factory=_new_stages)
    booking: Booking | None = None
    rounds: int = 1
    """How often the pipeline was started: 1, and one more for each retry asked for."""
    created_at: AwareDatetime
    updated_at: AwareDatetime
    message_at: AwareDatetime | None = Field(default=None, exclude=True)
    """When the message was published by which it goes on."""
    traceparent: str | None = Field(default=None, exclude=True)
    """Where its trace began (W3C Trace Context); None if it has none."""
    lease_until: AwareDatetime | None = Field(default=None, exclude=True)
    """Until when the run at work has it to itself, unless it asks for more; None if none is."""
    next_attempt_at: AwareDatetime | None = None
    """When the next attempt at its stage is due; None if none is waited for."""
    erasing_at: AwareDatetime | None = Field(default=None, exclude=True)
    """When its erasure began; from then on nobody sends it on its way again."""
    retried_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @property
    def queued_at(self) -> AwareDatetime:
        """When it was last sent on its way."""
        return self.retried_at or self.created_at

    @property
    def failed_stage(self) -> Stage | None:
        """The stage that failed; None unless the interview is `failed`."""
        if self.status is not Status.FAILED:
            return None
        return next((s for s in Stage if self.stages[s].finished_at is None), None)

    @property
    def current_stage(self) -> Stage | None:
        """The stage that is next or at work; None of an interview that is over."""
        if self.status.final:
            return None
        return next(s for s in Stage if self.stages[s].finished_at is None)

    def zone_of(self, person: Person) -> str:
        """The time zone a person lives by."""
        return person.time_zone or self.time_zone
