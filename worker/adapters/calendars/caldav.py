"""Calendars on a CalDAV server (RFC 4791)."""

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import quote

from typing_extensions import override

from tasks.errors import CalendarUnreadable, Permanent, Transient
from tasks.interviews.people import Interval, Person
from tasks.ports import CalendarProvider, Meeting
from worker.adapters.calendars import address, busy, event
from worker.adapters.calendars.dav import MISSING, Answer, Dav, calendar_data
from worker.adapters.calendars.settings import CalDavSettings
from worker.adapters.providers import Context


class CalDavProvider(CalendarProvider):
    """A `CalendarProvider` on a CalDAV server.

    One object serves all threads of a process; create it after a fork. Error messages never contain
    the path of a calendar, because it may contain an e-mail address.

    Args:
        url: The server's URL; a calendar is named by its path below it.
        username: The user; None for a server without authentication.
        password: The user's password.
        create_missing: Whether a missing calendar counts as empty and is created by a booking;
            otherwise it is unreadable.
        timeout: Seconds to wait for the server.

    Raises:
        Permanent: The URL is not an http or https URL.
    """

    name = "caldav"

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        *,
        create_missing: bool = False,
        timeout: float = 10.0,
    ) -> None:
        self._root = address.root_of(url)
        self._dav = Dav(self._root, username, password, timeout)
        self._create_missing = create_missing

    @classmethod
    def of(cls, context: Context) -> "CalDavProvider":
        """Create it from the settings.

        Raises:
            Permanent: `CALDAV_URL` is not set, or is not an http or https URL.
        """
        settings = context.settings_for(CalDavSettings)
        if settings.caldav_url is None:
            raise Permanent("CALDAV_URL is not set", code="configuration")
        return cls(
            settings.caldav_url.get_secret_value(),
            create_missing=settings.caldav_create_calendars,
            timeout=settings.caldav_timeout,
        )

    def close(self) -> None:
        """Close all connections."""
        self._dav.close()

    def ping(self) -> None:
        """Check that the server responds, with any status.

        Raises:
            Transient: It does not respond.
        """
        self._dav.send("OPTIONS", self._root)

    def calendar_of(self, person: Person) -> str:
        """Return the path of a person's calendar; see `address.calendar_of`."""
        return address.calendar_of(person, self._root)

    @override
    def busy(
        self, calendar: str, window: Interval, *, zone: str, exclude: str
    ) -> Sequence[Interval]:
        """Find when a calendar's owner is busy.

        Queries free-busy times, which a server may report even if it does not show events. They
        name neither their event nor the time zone of an all-day event. Therefore the events
        themselves are read if our own event or a whole day is among the times, or if the server
        does not support free-busy queries.
        """
        url = self._url(calendar)
        periods = self._free_busy(url, window)
        # Looked up after the query, since another run may be booking our event at the same time.
        if periods is not None and (not periods or self._is_complete(periods, url, exclude)):
            return busy.within(periods, window)
        answer = self._dav.events(url, busy.whole_days(window))
        if self._is_new(answer):
            return []
        if answer.status != HTTPStatus.MULTI_STATUS:
            raise _unreadable(answer)
        return busy.within(busy.event_periods(calendar_data(answer), window, zone, exclude), window)

    @override
    def book(self, calendars: Sequence[str], meeting: Meeting) -> int:
        """Book a meeting in calendars.

        Raises:
            Permanent: A calendar rejects the event.
        """
        urls = [self._url(calendar) for calendar in calendars]
        there = {url: self._found(url, meeting) for url in urls if not self._create(url, meeting)}
        moved = [url for url, stored in there.items() if stored.interval != meeting.interval]
        sequence = max((stored.sequence for stored in there.values()), default=0) + bool(moved)
        for url in moved:
            self._move(url, meeting, sequence, there[url].etag)
        return sequence

    @override
    def cancel(self, calendars: Sequence[str], uid: str) -> None:
        """Delete a meeting from calendars.

        Raises:
            Permanent: A calendar rejects the deletion; the event is deleted from all others.
        """
        refused = None
        for calendar in calendars:
            answer = self._dav.send("DELETE", _event_url(self._url(calendar), uid))
            if not _is_success(answer) and answer.status not in MISSING:
                refused = refused or _refusal(answer)
        if refused is not None:
            raise refused

    def invitation(self, meeting: Meeting, sequence: int) -> str:
        """Return a revision of the meeting as an iTIP REQUEST."""
        return event.request(meeting, sequence)

    def _url(self, calendar: str) -> str:
        return self._root + address.calendar_path(calendar, self._root).removeprefix("/")

    def _is_complete(self, periods: list[Interval], url: str, exclude: str) -> bool:
        """Whether free-busy times are sufficient, without reading the events."""
        return not busy.has_whole_day(periods) and self._stored(url, exclude) is None

    def _is_new(self, answer: Answer) -> bool:
        return self._create_missing and answer.status in MISSING

    def _free_busy(self, url: str, window: Interval) -> list[Interval] | None:
        """Return the free-busy times around a window; None if the server does not support them."""
        answer = self._dav.free_busy(url, busy.whole_days(window))
        if self._is_new(answer):
            return []
        if answer.status == HTTPStatus.UNAUTHORIZED or answer.status in MISSING:
            raise _unreadable(answer)
        if answer.status != HTTPStatus.OK:
            return None
        return busy.free_busy_periods(answer.text)

    def _stored(self, url: str, uid: str) -> event.Stored | None:
        answer = self._dav.send("GET", _event_url(url, uid))
        if answer.status in MISSING:
            return None
        if answer.status != HTTPStatus.OK:
            raise _unreadable(answer)
        return event.read(answer.text, uid, answer.etag)

    def _found(self, url: str, meeting: Meeting) -> event.Stored:
        stored = self._stored(url, meeting.uid)
        if stored is None:
            raise Transient("the event was deleted while it was booked")
        return stored

    def _create(self, url: str, meeting: Meeting) -> bool:
        """Create an event; return False if it already exists."""
        new = {"If-None-Match": "*"}
        answer = self._put(url, meeting, 0, new)
        # A missing parent is a conflict for WebDAV (RFC 4918, 9.7.1).
        if self._create_missing and answer.status in (HTTPStatus.CONFLICT, *MISSING):
            self._make_calendar(url)
            answer = self._put(url, meeting, 0, new)
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            return False
        if not _is_success(answer):
            raise _refusal(answer)
        return True

    def _move(self, url: str, meeting: Meeting, sequence: int, etag: str | None) -> None:
        answer = self._put(url, meeting, sequence, {"If-Match": etag or "*"})
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            raise Transient("the event was changed while it was moved")
        if not _is_success(answer):
            raise _refusal(answer)

    def _put(self, url: str, meeting: Meeting, sequence: int, only: dict[str, str]) -> Answer:
        body = event.calendar_object(meeting, sequence)
        headers = {"Content-Type": "text/calendar; charset=utf-8", **only}
        return self._dav.send("PUT", _event_url(url, meeting.uid), body, headers)

    def _make_calendar(self, url: str) -> None:
        """Create a calendar and its parents; a failure shows in the next request."""
        *above, _ = url.removeprefix(self._root).rstrip("/").split("/")
        parent = self._root
        for segment in above:
            parent += f"{segment}/"
            self._dav.send("MKCOL", parent)
        self._dav.send("MKCALENDAR", url)


def _event_url(calendar: str, uid: str) -> str:
    return f"{calendar}{quote(uid, safe='@')}.ics"


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _unreadable(answer: Answer) -> CalendarUnreadable | Transient:
    if answer.status >= 500:
        return Transient(f"the calendar server answered {answer.status}")
    return CalendarUnreadable(f"the calendar server answered {answer.status}")


def _refusal(answer: Answer) -> Permanent | Transient:
    if answer.status >= 500:
        return Transient(f"the calendar server answered {answer.status}")
    message = f"a calendar cannot be written: the server answered {answer.status}"
    return Permanent(message, code="calendar_refused")
