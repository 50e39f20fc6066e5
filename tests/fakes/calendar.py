"""A `CalendarProvider` in a dictionary."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from threading import Lock

from tasks.errors import CalendarUnreadable, InvalidInput, Permanent
from tasks.interviews.people import Interval, Person
from tasks.ports import Meeting


class MemoryCalendar:
    """Calendars in memory, to which tests can add events, and which can be made to fail.

    Attributes:
        events: The time and revision of each event, by calendar and UID.
        unreadable: Calendars that cannot be read.
        read_only: Calendars that cannot be written.
        before: Called with the name of each operation, before it; may raise.
    """

    name = "memory"

    def __init__(self) -> None:
        self.events: defaultdict[str, dict[str, tuple[Interval, int]]] = defaultdict(dict)
        self.unreadable: set[str] = set()
        self.read_only: set[str] = set()
        self.before: Callable[[str], None] = lambda _: None
        self._lock = Lock()

    def ping(self) -> None:
        self.before("ping")

    def calendar_of(self, person: Person) -> str:
        if person.calendar is not None and ".." in person.calendar:
            raise InvalidInput("a calendar must be named by a plain path")
        return person.calendar or f"/{person.email.lower()}/calendar/"

    def busy(
        self,
        calendar: str,
        window: Interval,
        *,
        zone: str,  # noqa: ARG002 - it has no all-day events
        exclude: str,
    ) -> Sequence[Interval]:
        self.before("busy")
        if calendar in self.unreadable:
            raise CalendarUnreadable("it is locked away")
        with self._lock:
            times = [at for uid, (at, _) in self.events[calendar].items() if uid != exclude]
        return [at for at in times if at.overlaps(window)]

    def book(self, calendars: Sequence[str], meeting: Meeting) -> int:
        self.before("book")
        with self._lock:
            there = [
                self.events[c][meeting.uid] for c in calendars if meeting.uid in self.events[c]
            ]
            moved = any(at != meeting.interval for at, _ in there)
            sequence = max((revision for _, revision in there), default=0) + moved
            for calendar in calendars:
                if calendar in self.read_only:
                    raise Permanent("it cannot be written", code="calendar_refused")
                at, revision = self.events[calendar].get(meeting.uid, (None, 0))
                if at != meeting.interval:
                    revision = 0 if at is None else sequence
                    self.events[calendar][meeting.uid] = (meeting.interval, revision)
            return sequence

    def cancel(self, calendars: Sequence[str], uid: str) -> None:
        self.before("cancel")
        with self._lock:
            for calendar in calendars:
                self.events[calendar].pop(uid, None)

    def invitation(self, meeting: Meeting, sequence: int) -> str:
        return f"METHOD:REQUEST UID:{meeting.uid} SEQUENCE:{sequence}"
