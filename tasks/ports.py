"""What the pipeline needs from the outside, as protocols that adapters and fakes fulfil.

Every method may raise `tasks.errors.Transient` where trying again may help, and
`tasks.errors.Permanent` where it cannot; nothing else is expected of an adapter.
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
"""Takes the percent done; raises `Superseded` where the work is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which interviews to list, newest first.

    Attributes:
        tenant: Whose.
        statuses: Only these statuses; empty for all.
        types: Only these types; empty for all.
        created_from: Only interviews created at or after this moment.
        created_before: Only interviews created before this moment.
        after: The creation time and id of the last interview of the page before.
        limit: The largest number of interviews to return.
    """

    tenant: str = DEFAULT_TENANT
    statuses: frozenset[Status] = frozenset()
    types: frozenset[str] = frozenset()
    created_from: datetime | None = None
    created_before: datetime | None = None
    after: tuple[datetime, str] | None = None
    limit: int = 50


class Outbox(Protocol):
    """Where events are recorded until they are published."""

    def pending_events(self, limit: int) -> Sequence[Event]:
        """Events that are recorded and not yet marked as published, oldest documents first."""

    def mark_published(self, events: Sequence[Event]) -> None:
        """Forget recorded events that have been published."""


class InterviewStore(Outbox, Protocol):
    """Where interviews are kept; the one truth about them."""

    def create(self, interview: Interview, *events: Event) -> None:
        """Store a new interview and what is to be announced of it, in one step.

        Where it has a callback URL, its events are callbacks as well, here and with every change.

        Raises:
            AlreadyExists: An interview, or the tombstone of one, has this id.
        """

    def get(self, interview_id: str) -> Interview:
        """Read an interview, without its transcript and report.

        Raises:
            NotFound: There is none.
            Erased: There was one.
        """

    def tenant_of(self, interview_id: str) -> str:
        """Tell the tenant of an interview, or of one that was erased.

        Raises:
            NotFound: There never was such an interview.
        """

    def transcript(self, interview_id: str) -> Transcript | None:
        """Read the transcript, or None where there is none yet. Raises as `get` does."""

    def report(self, interview_id: str) -> Report | None:
        """Read the analysis, or None where there is none yet. Raises as `get` does."""

    def feedback(self, interview_id: str) -> Sequence[Feedback]:
        """Read what people say of the analysis, oldest first. Raises as `get` does."""

    def agreement(self) -> Mapping[AnalysisType, tuple[int, int]]:
        """Count the feedback there is: how much of it agrees, and all, by part of the analysis."""

    def find(self, query: Query) -> Sequence[Interview]:
        """List interviews, newest first, without transcripts and reports."""

    def apply(self, interview_id: str, change: Change) -> None:
        """Apply a change in one atomic step, and record its events.

        Raises:
            NotFound: There is no such interview.
            Erased: There was one.
            IllegalTransition: It is in a status that does not allow the change.
            Superseded: A field is not what the change expects.
        """

    def find_due(self, now: datetime, limit: int) -> Sequence[Interview]:
        """Interviews of which a lease has lapsed, or the next attempt is due."""

    def find_lost_messages(
        self, stage: Stage, priority: Priority, before: datetime, limit: int
    ) -> Sequence[Interview]:
        """Interviews that wait for a stage, and whose message was published before a moment."""

    def finished_before(self, tenant: str, before: datetime, limit: int) -> Sequence[str]:
        """The ids of a tenant's interviews that have been over since before a moment."""

    def existing_ids(self, interview_ids: Collection[str]) -> frozenset[str]:
        """Which of these ids are those of interviews that are there and not erased."""

    def erase(self, interview_id: str, now: datetime) -> None:
        """Leave a tombstone in an interview's place, and record the `erased` event.

        Erasing what is erased already does nothing.

        Raises:
            NotFound: There never was such an interview.
            IllegalTransition: It is still active.
        """


class CallbackStore(Protocol):
    """What is to be posted to callback URLs; it is recorded by the `InterviewStore`."""

    def due(
        self, now: datetime, limit: int, *, exclude: Collection[str] = ()
    ) -> Sequence[Callback]:
        """The first callback of each interview that has one due, longest due first.

        Args:
            now: The present moment.
            limit: The largest number to return.
            exclude: Receivers whose callbacks are left out.
        """

    def postpone(self, callback: Callback, due: datetime) -> None:
        """Note one more attempt in vain, and when the next one is due.

        Where another attempt was noted meanwhile, nothing changes.
        """

    def remove(self, callback: Callback) -> None:
        """Forget a callback, which has been delivered or given up."""

    def stop(self, interview_id: str) -> None:
        """Forget all callbacks of an interview, and its callback URL."""


class AudioStore(Protocol):
    """Where recordings are kept."""

    def save(self, interview_id: str, name: str, stream: BinaryIO) -> None:
        """Store a recording, a piece at a time; one stored before under this id is replaced."""

    def local_copy(self, interview_id: str) -> AbstractContextManager[Path]:
        """A file with the recording, for as long as the context lasts.

        Raises:
            NotFound: There is no recording under this id.
        """

    def delete(self, interview_id: str) -> None:
        """Remove a recording; removing what is not there does nothing."""

    def saved_before(self, before: datetime, limit: int, after: str = "") -> Sequence[str]:
        """The ids of recordings that were saved before a moment, in their order.

        Args:
            before: The moment.
            limit: The largest number of ids.
            after: Only ids that come after this one.
        """


class EventPublisher(Protocol):
    """Where events go."""

    def publish(self, events: Sequence[Event]) -> None:
        """Publish events in their order; returns when all are safely out, raises else."""


class CallbackSender(Protocol):
    """Posts callbacks."""

    def send(self, callback: Callback) -> None:
        """Post a callback; returns once its receiver has accepted it.

        Raises:
            NotAccepted: It has not.
            Unwanted: It wants no more of them.
        """


class SpeechProvider(Protocol):
    """Turns sound into words."""

    @property
    def name(self) -> str:
        """The name by which settings, records and metrics call this provider."""

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        """Transcribe a recording.

        Args:
            recording: A file with the recording.
            audio: What is known of it.
            channels: Who speaks on which channel, where it is known.
            progress: Told the percent of audio transcribed, from time to time.
        """


class LanguageProvider(Protocol):
    """Understands what was said.

    The candidate's words are data: nothing that is said in an interview may instruct a provider.
    """

    @property
    def name(self) -> str:
        """The name by which settings, records and metrics call this provider."""

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages it understands, as ISO 639-1 codes; None for any."""

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        """Tell the sentiment of each segment, from its text alone."""

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        """Look for what a rubric asks for in the candidate's words.

        Accent, grammar and sentiment count for nothing. No evidence is no level, not a low one.
        """

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        """Tell what was talked about."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting to be booked.

    Attributes:
        uid: The event's UID; booking the same UID twice is booking it once.
        interval: When.
        time_zone: The zone the event is shown in.
        summary: The title.
        organizer: Who invites.
        attendees: Who is invited, the organizer among them.
    """

    uid: str
    interval: Interval
    time_zone: str
    summary: str
    organizer: Person
    attendees: tuple[Person, ...]


class CalendarProvider(Protocol):
    """Knows when people are busy, and books meetings."""

    @property
    def name(self) -> str:
        """The name by which settings, records and metrics call this provider."""

    def ping(self) -> None:
        """Ask for a sign of life, and raise where there is none."""

    def calendar_of(self, person: Person) -> str:
        """Where a person's calendar is: the one named, or the one of the e-mail address."""

    def busy(
        self, calendar: str, window: Interval, *, zone: str, exclude: str
    ) -> Sequence[Interval]:
        """When a calendar's owner is busy within a window.

        Args:
            calendar: The calendar, as `calendar_of` gives it.
            window: Where to look; what reaches beyond it may be cut off.
            zone: The time zone the owner lives by: all-day events last from midnight to midnight
                there.
            exclude: The UID of an event that does not count.

        Raises:
            CalendarUnreadable: It cannot be known; that never means free.
        """

    def book(self, calendars: Sequence[str], meeting: Meeting) -> int:
        """Put a meeting into calendars.

        Where its UID is there already, it stays or is moved to the time of this meeting.

        Returns:
            The revision of the meeting, iCalendar's SEQUENCE: 0 at first, and higher by one each
            time the meeting was moved.
        """

    def cancel(self, calendars: Sequence[str], uid: str) -> None:
        """Take a meeting out of calendars; where it is not there, nothing changes."""

    def invitation(self, meeting: Meeting, sequence: int) -> str:
        """A revision of the meeting as an iTIP REQUEST (RFC 5546), to be sent to its attendees."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A span that is taken, and how far others must keep away from it.

    Attributes:
        interval: The meeting, without its buffer.
        buffer: The free time before and after it.
        provider: The provider of calendars with whom it is booked, or about to be.
    """

    interval: Interval
    buffer: timedelta
    provider: str | None = None

    def conflicts(self, other: "Hold") -> bool:
        """Whether the gap between the two is shorter than the longer of their buffers."""
        apart = max(self.buffer, other.buffer)
        return self.interval.padded(apart, apart).overlaps(other.interval)


class Ledger(Protocol):
    """What was spent with each provider on each day."""

    def add(self, provider: str, day: date, dollars: float) -> None:
        """Add to what was spent, in US dollars."""

    def spent(self, provider: str, day: date) -> float:
        """What was spent, in US dollars."""


class Reservations(Protocol):
    """Keeps two interviews from taking the same time of the same person.

    A holder, which is an interview, holds one span at a time. Resources are names of people's
    time, such as an e-mail address or a calendar; upper and lower case are the same. Times lie on
    whole five minutes.
    """

    def overlapping(
        self, resources: Sequence[str], window: Interval, *, exclude: str
    ) -> Sequence[Hold]:
        """What others than the holder `but` hold of any of the resources.

        All that is in conflict with a meeting in this window is told, and maybe more.
        """

    def holding(self, holder: str) -> Hold | None:
        """What a holder holds."""

    def reserve(
        self, holder: str, resources: Sequence[str], hold: Hold, *, instead_of: Hold | None
    ) -> bool:
        """Take a span of all resources for a holder, or none of them.

        Of holders that want spans in conflict of one resource, at most one is told True. So it is
        with two runs of the same holder that want different spans, as each has to say what it
        believes the holder to hold.

        Args:
            holder: Who wants it.
            resources: Of whom or what.
            hold: The span wanted.
            instead_of: What the holder holds until now, which is given up for it.

        Returns:
            Whether it was taken; if not, ask again what the holder is `holding`.
        """

    def release(self, holder: str) -> None:
        """Give up what a holder holds."""
