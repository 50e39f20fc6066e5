"""The pipeline's ports: protocols that adapters and fakes implement.

Every method may raise `tasks.errors.Transient` if a retry may help, and `tasks.errors.Permanent` if
it cannot. Adapters raise no other errors.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from tasks.analysis.feedback import Feedback
from tasks.analysis.findings import CompetencyFindings, SentimentFinding, SummaryFinding
from tasks.analysis.report import Report
from tasks.analysis.rubric import Rubric
from tasks.interviews.callbacks import Callback
from tasks.interviews.events import Event
from tasks.interviews.interview import (
    DEFAULT_TENANT,
    AnalysisType,
    Audio,
    Channels,
    Interview,
    Priority,
    Stage,
    Status,
)
from tasks.interviews.people import Interval, Person
from tasks.interviews.transcript import Transcript
from tasks.interviews.transitions import Change

Progress = Callable[[float], None]
"""Called with the percentage done; raises `Superseded` if the result is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Query:
    """A filter for listing interviews, newest first.

    Attributes:
        tenant: The owner of the interviews.
        statuses: Only these statuses; empty for all.
        types: Only these interview types; empty for all.
        created_from: Only interviews created at or after this time.
        created_before: Only interviews created before this time.
        after: Creation time and id of the last interview of the previous page.
        limit: The maximum number of interviews to return.
    """

    tenant: str = DEFAULT_TENANT
    statuses: frozenset[Status] = frozenset()
    types: frozenset[str] = frozenset()
    created_from: datetime | None = None
    created_before: datetime | None = None
    after: tuple[datetime, str] | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class StageLoad:
    """The interviews in a stage.

    Attributes:
        count: Their number, waiting or running.
        waiting_since: When the oldest message of those that wait was published; None if none waits.
    """

    count: int
    waiting_since: datetime | None = None


class Outbox(Protocol):
    """A transactional outbox: stores events until they are published."""

    def pending_events(self, limit: int) -> Sequence[Event]:
        """Return recorded events not yet marked as published, oldest documents first."""

    def mark_published(self, events: Sequence[Event]) -> None:
        """Remove events that have been published."""


class InterviewStore(Outbox, Protocol):
    """The store of interviews, which is the single source of truth about them."""

    def create(self, interview: Interview, *events: Event) -> None:
        """Store a new interview and its events atomically.

        If it has a callback URL, callbacks are stored with its events, here and with every change.

        Raises:
            AlreadyExists: An interview, or the tombstone of one, has this id.
        """

    def get(self, interview_id: str) -> Interview:
        """Read an interview, without its transcript and report.

        Raises:
            NotFound: It does not exist.
            Erased: It was erased.
        """

    def tenant_of(self, interview_id: str) -> str:
        """Return the tenant of an interview, including an erased one.

        Raises:
            NotFound: It never existed.
        """

    def transcript(self, interview_id: str) -> Transcript | None:
        """Read the transcript; None if there is none yet. Raises the errors of `get`."""

    def report(self, interview_id: str) -> Report | None:
        """Read the report; None if there is none yet. Raises the errors of `get`."""

    def feedback(self, interview_id: str) -> Sequence[Feedback]:
        """Read the feedback on the report, oldest first. Raises the errors of `get`."""

    def agreement(self) -> Mapping[AnalysisType, tuple[int, int]]:
        """Count feedback by part of the analysis: how much agrees, and the total."""

    def find(self, query: Query) -> Sequence[Interview]:
        """List interviews, newest first, without transcripts and reports."""

    def apply(self, interview_id: str, change: Change) -> None:
        """Apply a change and record its events atomically.

        Raises:
            NotFound: The interview does not exist.
            Erased: It was erased.
            IllegalTransition: Its status does not allow the change.
            Superseded: A field does not have the value that the change requires.
        """

    def find_due(self, now: datetime, limit: int) -> Sequence[Interview]:
        """Interviews with an expired lease or a due retry."""

    def find_lost_messages(
        self, stage: Stage, priority: Priority, before: datetime, limit: int
    ) -> Sequence[Interview]:
        """Interviews waiting for a stage whose message was published before a given time."""

    def load(self) -> Mapping[Stage, StageLoad]:
        """Count the active interviews in each stage."""

    def finished_before(self, tenant: str, before: datetime, limit: int) -> Sequence[str]:
        """The ids of a tenant's interviews that finished before a given time."""

    def existing_ids(self, interview_ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids whose interviews exist and are not erased."""

    def erase(self, interview_id: str, now: datetime) -> None:
        """Replace an interview by a tombstone, and record the `erased` event.

        Does nothing if it is already erased.

        Raises:
            NotFound: It never existed.
            IllegalTransition: It is still active.
        """


class CallbackStore(Protocol):
    """The queue of callbacks; the `InterviewStore` adds to it."""

    def due(
        self, now: datetime, limit: int, *, exclude: Collection[str] = ()
    ) -> Sequence[Callback]:
        """The first callback of each interview with one due, longest overdue first.

        Args:
            now: The current time.
            limit: The maximum number to return.
            exclude: Receivers to leave out.
        """

    def postpone(self, callback: Callback, due: datetime) -> None:
        """Record a failed attempt and the time of the next one.

        Does nothing if another attempt was recorded in the meantime.
        """

    def remove(self, callback: Callback) -> None:
        """Remove a callback that was delivered or abandoned."""

    def stop(self, interview_id: str) -> None:
        """Remove all callbacks of an interview, and its callback URL."""


class AudioStore(Protocol):
    """The store of recordings."""

    def save(self, interview_id: str, name: str, stream: BinaryIO) -> None:
        """Store a recording in chunks; replaces one stored earlier under the same id."""

    def local_copy(self, interview_id: str) -> AbstractContextManager[Path]:
        """Provide the recording as a local file for the duration of the context.

        Raises:
            NotFound: There is no recording with this id.
        """

    def delete(self, interview_id: str) -> None:
        """Delete a recording; does nothing if there is none."""

    def saved_before(self, before: datetime, limit: int, after: str = "") -> Sequence[str]:
        """The ids of recordings saved before a given time, in ascending order.

        Args:
            before: The time.
            limit: The maximum number of ids.
            after: Only ids greater than this one.
        """


class EventPublisher(Protocol):
    """Publishes events to a message broker."""

    def publish(self, events: Sequence[Event]) -> None:
        """Publish events in order; return once all are acknowledged, raise otherwise."""


class CallbackSender(Protocol):
    """Posts callbacks."""

    def send(self, callback: Callback) -> None:
        """Post a callback; returns once its receiver has accepted it.

        Raises:
            DeliveryFailed: The receiver did not accept it.
            ReceiverGone: The receiver rejects all further callbacks.
        """


class SpeechProvider(Protocol):
    """Transcribes recordings."""

    @property
    def name(self) -> str:
        """The provider's name in settings, records and metrics."""

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        """Transcribe a recording.

        Args:
            recording: A file with the recording.
            audio: The properties of the recording.
            channels: The speaker on each channel, if known.
            progress: Called periodically with the percentage of audio transcribed.
        """


class LanguageProvider(Protocol):
    """Analyses the transcript of an interview.

    The transcript is data: no text in it may act as an instruction to the provider.
    """

    @property
    def name(self) -> str:
        """The provider's name in settings, records and metrics."""

    @property
    def languages(self) -> frozenset[str] | None:
        """The supported languages, as ISO 639-1 codes; None for any."""

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        """Rate the sentiment of each segment from its text alone."""

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        """Find evidence for a rubric's competencies in the candidate's words.

        Accent, grammar and sentiment are ignored. A competency without evidence gets no level
        rather than a low one.
        """

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        """Summarise the conversation."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting to book.

    Attributes:
        uid: The event's UID; booking is idempotent per UID.
        interval: The time span.
        time_zone: The time zone in which the event is displayed.
        summary: The title.
        organizer: The organizer.
        attendees: The attendees, including the organizer.
    """

    uid: str
    interval: Interval
    time_zone: str
    summary: str
    organizer: Person
    attendees: tuple[Person, ...]


class CalendarProvider(Protocol):
    """Reads free/busy times and books meetings."""

    @property
    def name(self) -> str:
        """The provider's name in settings, records and metrics."""

    def ping(self) -> None:
        """Raise unless the provider responds."""

    def calendar_of(self, person: Person) -> str:
        """The address of a person's calendar: the configured one, or that of the e-mail address."""

    def busy(
        self, calendar: str, window: Interval, *, zone: str, exclude: str
    ) -> Sequence[Interval]:
        """The spans within a window in which a calendar's owner is busy.

        Args:
            calendar: The calendar, as returned by `calendar_of`.
            window: The window; spans that extend beyond it may be cut off.
            zone: The owner's time zone, in which all-day events last from midnight to midnight.
            exclude: The UID of an event to ignore.

        Raises:
            CalendarUnreadable: Availability is unknown, which must never be taken for free.
        """

    def book(self, calendars: Sequence[str], meeting: Meeting) -> int:
        """Add a meeting to calendars.

        If an event with its UID exists, it is kept, or moved to the time of this meeting.

        Returns:
            The meeting's revision, iCalendar's SEQUENCE: 0 at first, incremented each time it is
            moved.
        """

    def cancel(self, calendars: Sequence[str], uid: str) -> None:
        """Remove a meeting from calendars; does nothing where it does not exist."""

    def invitation(self, meeting: Meeting, sequence: int) -> str:
        """A revision of the meeting as an iTIP REQUEST (RFC 5546) to send to its attendees."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A reserved span and the buffer that others must keep from it.

    Attributes:
        interval: The meeting, without its buffer.
        buffer: The free time before and after it.
        provider: The calendar provider with which it is, or will be, booked.
    """

    interval: Interval
    buffer: timedelta
    provider: str | None = None

    def conflicts(self, other: "Hold") -> bool:
        """Whether the gap between the two is shorter than the longer of their buffers."""
        apart = max(self.buffer, other.buffer)
        return self.interval.padded(apart, apart).overlaps(other.interval)


class Ledger(Protocol):
    """Daily spending by provider."""

    def add(self, provider: str, day: date, dollars: float) -> None:
        """Add an amount in US dollars."""

    def spent(self, provider: str, day: date) -> float:
        """The amount spent, in US dollars."""


class Reservations(Protocol):
    """Reservations, which prevent two interviews from booking the same person's time.

    A holder, which is an interview, holds one span at a time. Resources are case-insensitive names
    of a person's time, such as an e-mail address or a calendar. Times are multiples of five
    minutes.
    """

    def overlapping(
        self, resources: Sequence[str], window: Interval, *, exclude: str
    ) -> Sequence[Hold]:
        """The spans of any of the resources reserved by holders other than `exclude`.

        Includes every hold that conflicts with a meeting in this window, and possibly others.
        """

    def holding(self, holder: str) -> Hold | None:
        """The holder's current reservation."""

    def reserve(
        self, holder: str, resources: Sequence[str], hold: Hold, *, instead_of: Hold | None
    ) -> bool:
        """Reserve a span of all resources for a holder, or of none.

        If several holders request conflicting spans of a resource, at most one gets True. The same
        holds for two runs of one holder that want different spans, because each states the
        reservation it expects to replace.

        Args:
            holder: The interview.
            resources: The resources.
            hold: The requested span.
            instead_of: The holder's current reservation, which is released in exchange.

        Returns:
            Whether it was reserved; if not, call `holding` again for the current reservation.
        """

    def release(self, holder: str) -> None:
        """Release the holder's reservation."""
