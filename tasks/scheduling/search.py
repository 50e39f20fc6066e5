"""The search for a meeting time: availability of all people, and reservation of a slot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.errors import CalendarUnreadable, InvalidInput, Transient
from tasks.interviews.interview import Interview
from tasks.interviews.people import Interval, Person
from tasks.ports import CalendarProvider, Hold, Reservations
from tasks.scheduling.slots import Availability, common_time, slots

ATTEMPTS = 200
"""Lost races for a slot before giving up. Each race has a winner, so few are ever needed."""


def uid_of(interview_id: str) -> str:
    """The UID of an interview's meeting, which never changes."""
    return f"{interview_id}@interview-worker"


class UnscheduledError(Exception):
    """The search ended without a meeting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Contention(Transient):
    """Other runs reserved each slot first; not a failure of the calendar service."""

    code = "contention"


@dataclass(frozen=True, slots=True)
class _Calendar:
    """A calendar to read, a description of its owner, and the owner's time zone."""

    address: str
    owner: str
    zone: str


@dataclass(frozen=True, slots=True)
class Search:
    """The constraints of a meeting, and where to look it up."""

    holder: str
    window: Interval
    duration: timedelta
    buffer: timedelta
    availabilities: tuple[Availability, ...]
    calendars: tuple[_Calendar, ...]
    resources: tuple[str, ...]
    provider: CalendarProvider
    reservations: Reservations

    def busy(self, window: Interval) -> list[Interval]:
        """The busy spans of all calendars within a window and its buffers."""
        found: list[Interval] = []
        around = window.padded(self.buffer, self.buffer)
        for calendar in self.calendars:
            try:
                found += self.provider.busy(
                    calendar.address, around, zone=calendar.zone, exclude=uid_of(self.holder)
                )
            except CalendarUnreadable as error:
                raise UnscheduledError(
                    error.code, f"the calendar of {calendar.owner} cannot be read: {error.message}"
                ) from error
        return found

    def choose_slot(self, busy: Sequence[Interval], own: Hold | None) -> Interval:
        """The slot already held if it still suits, else the earliest suitable slot."""
        held = self.reservations.overlapping(
            self.resources, self.window.padded(self.buffer, self.buffer), exclude=self.holder
        )
        free = common_time(
            self.availabilities, [*busy, *map(self._with_buffer, held)], self.window, self.buffer
        )
        if own is not None and own.interval.duration == self.duration:
            current = own.interval
            if any(span.start <= current.start and current.end <= span.end for span in free):
                return current
        slot = next(slots(free, self.duration), None)
        if slot is None:
            raise UnscheduledError("no_slot", self._no_slot())
        return slot

    def reserve_slot(self) -> Hold:
        """Find a slot and reserve it."""
        busy = self.busy(self.window)
        for _ in range(ATTEMPTS):
            own = self.reservations.holding(self.holder)
            self._check_owner(own)
            hold = Hold(self.choose_slot(busy, own), self.buffer, self.provider.name)
            if self.reservations.reserve(self.holder, self.resources, hold, instead_of=own):
                appeared = self.busy(hold.interval)
                around = hold.interval.padded(self.buffer, self.buffer)
                if not any(around.overlaps(span) for span in appeared):
                    return hold
                busy += appeared
        raise Contention("other interviews took each slot first")

    def _check_owner(self, own: Hold | None) -> None:
        if own is not None and own.provider not in (None, self.provider.name):
            raise Contention("another run of the interview is booking with another provider")

    def _with_buffer(self, other: Hold) -> Interval:
        # The search adds its own buffer to every busy span; add what the other buffer is longer by.
        longer = max(other.buffer - self.buffer, timedelta(0))
        return other.interval.padded(longer, longer)

    def _no_slot(self) -> str:
        minutes = self.duration // timedelta(minutes=1)
        return (
            f"no slot of {minutes} minutes between {_formatted(self.window.start)} and "
            f"{_formatted(self.window.end)} suits all {len(self.availabilities)} people"
        )


def search_of(
    interview: Interview,
    provider: CalendarProvider,
    reservations: Reservations,
    now: datetime,
) -> Search:
    """Collect an interview's constraints.

    Raises:
        UnscheduledError: They cannot be met.
    """
    if not interview.interviewers:
        raise UnscheduledError("no_interviewers", "no interviewer is named")
    window = interview.follow_up.window(now)
    if window is None:
        raise UnscheduledError("no_slot", _no_window(interview, now))
    calendars: dict[str, _Calendar] = {}
    for owner, person in people_of(interview):
        try:
            address = calendar_of(person, interview, provider)
        except InvalidInput as error:
            detail = f"the calendar of {owner} cannot be read: {error.message}"
            raise UnscheduledError(CalendarUnreadable.code, detail) from error
        if address is not None:
            calendars.setdefault(address, _Calendar(address, owner, interview.zone_of(person)))
    people = [person for _, person in people_of(interview)]
    constraints = interview.follow_up
    return Search(
        holder=interview.id,
        window=window,
        duration=timedelta(minutes=constraints.duration_minutes),
        buffer=timedelta(minutes=constraints.buffer_minutes),
        availabilities=tuple(Availability(p.working_hours, interview.zone_of(p)) for p in people),
        calendars=tuple(calendars.values()),
        # Reserve both the calendar and the e-mail address: another interview may know only one.
        resources=tuple(dict.fromkeys([*calendars, *(person.email for person in people)])),
        provider=provider,
        reservations=reservations,
    )


def people_of(interview: Interview) -> list[tuple[str, Person]]:
    """The attendees, by a description for messages that reveals no e-mail address."""
    return [
        ("the candidate", interview.candidate),
        *((f"interviewer {n}", p) for n, p in enumerate(interview.interviewers, start=1)),
    ]


def calendar_of(person: Person, interview: Interview, provider: CalendarProvider) -> str | None:
    """A person's calendar; None for a candidate without one."""
    if person is interview.candidate and person.calendar is None:
        return None
    return provider.calendar_of(person)


def _no_window(interview: Interview, now: datetime) -> str:
    constraints = interview.follow_up
    limits = [
        f"{word} {_formatted(moment)}"
        for word, moment in (("from", constraints.earliest), ("until", constraints.latest))
        if moment is not None
    ]
    return (
        f"the constraints leave no time to meet: booking on {_formatted(now)}, "
        f"with {constraints.notice_hours} hours' notice, {constraints.window_days} days ahead, "
        f"{' '.join(limits) or 'at any time'}"
    )


def _formatted(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")
