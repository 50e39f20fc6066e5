"""Google Calendar.

https://developers.google.com/calendar/api/v3/reference
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import google_auth_httplib2
from google.api_core.client_options import ClientOptions
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tasks.errors import CalendarUnreadable, InvalidInput, Permanent, Transient
from tasks.interviews.people import Interval, Person
from tasks.ports import Meeting
from worker.adapters.calendars import event, google_events
from worker.adapters.calendars.google_events import Stored, event_id, resource_of
from worker.adapters.calendars.settings import GoogleCalendarSettings
from worker.adapters.google.endpoints import CALENDAR, EVENT, EVENTS, FREE_BUSY
from worker.adapters.google.failures import is_refusal_of_calendar, mapped_errors
from worker.adapters.google.identity import credentials_for
from worker.adapters.google.sessions import InstrumentedHttp
from worker.adapters.providers import CircuitBreaker, Context

_SCOPES = ["https://www.googleapis.com/auth/calendar"]

_MISSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

_MAX_REVISIONS = 100
"""How often an event can be deleted from a calendar and created again."""

_MAX_NAME_LENGTH = 256


class GoogleCalendar:
    """A `CalendarProvider` for Google Calendar.

    One object serves all threads of a process. Error messages never contain the id of a calendar,
    because it may be an e-mail address.

    Args:
        credentials: Credentials of `google.auth`.
        url: The base URL of the API, with a slash at the end.
        timeout: Seconds to wait for a response.
        breaker: The circuit breakers.
    """

    name = "google"

    def __init__(
        self, credentials: Any, *, url: str, timeout: float, breaker: CircuitBreaker
    ) -> None:
        self._credentials = credentials
        self._timeout = timeout
        self._breaker = breaker
        self._idle: list[Any] = []
        self._service = build(
            "calendar",
            "v3",
            http=self._new_http(),
            client_options=ClientOptions(api_endpoint=url),
            # Use the API description that is bundled with the library.
            static_discovery=True,
            cache_discovery=False,
        )

    @classmethod
    def of(cls, context: Context) -> "GoogleCalendar":
        """Create it from the settings.

        Raises:
            Unusable: There are no credentials.
        """
        settings = context.settings_for(GoogleCalendarSettings)
        credentials = credentials_for(
            _SCOPES, settings.google_credentials, subject=settings.google_calendar_subject
        )
        return cls(
            credentials,
            url=settings.google_calendar_url,
            timeout=settings.provider_timeout,
            breaker=context.breaker,
        )

    def close(self) -> None:
        """Close all connections."""
        self._service.close()
        while self._idle:
            self._idle.pop().http.close()

    def ping(self) -> None:
        """Check that the service responds, with any status.

        Raises:
            Transient: It does not respond.
        """
        request = self._service.colors().get()
        self._send("other", request, range(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED))

    def calendar_of(self, person: Person) -> str:
        """Return the id of a person's calendar: the given one, or the e-mail address.

        Raises:
            InvalidInput: The given id is malformed.
        """
        name = person.calendar if person.calendar is not None else person.email.lower()
        plain = name.isprintable() and not any(mark in name for mark in "/\\ ")
        if not name or not plain or len(name) > _MAX_NAME_LENGTH or name in (".", ".."):
            raise InvalidInput("a calendar must be named by its id at Google")
        return name

    def busy(
        self, calendar: str, window: Interval, *, zone: str, exclude: str
    ) -> Sequence[Interval]:
        """Find when a calendar's owner is busy.

        Google merges the free-busy times of overlapping events. If our own event is among them,
        the events themselves are read instead.
        """
        found = self._free_busy(calendar, window)
        if not found:
            return []
        ours = self._stored(calendar, exclude)
        if ours.interval is None or not ours.interval.overlaps(window):
            return found
        return self._by_events(calendar, window, zone, ours.id)

    def book(self, calendars: Sequence[str], meeting: Meeting) -> int:
        """Book a meeting in calendars.

        Raises:
            Permanent: A calendar rejects the event.
        """
        there = {name: self._created(name, meeting) for name in calendars}
        old = [stored for stored in there.values() if stored is not None]
        moved = any(stored.interval != meeting.interval for stored in old)
        sequence = max((stored.sequence for stored in old), default=0) + moved
        for name, stored in there.items():
            if stored is not None and stored.interval != meeting.interval:
                self._move(name, meeting, sequence, stored)
        return sequence

    def cancel(self, calendars: Sequence[str], uid: str) -> None:
        """Delete a meeting from calendars.

        Raises:
            Permanent: A calendar rejects the deletion; the event is deleted from all others.
        """
        refused = None
        for calendar in calendars:
            try:
                self._cancel(calendar, uid)
            except Permanent as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def invitation(self, meeting: Meeting, sequence: int) -> str:
        """A revision of the meeting as an iTIP REQUEST."""
        return event.request(meeting, sequence)

    def _free_busy(self, calendar: str, window: Interval) -> list[Interval]:
        query = {
            "timeMin": window.start.isoformat(),
            "timeMax": window.end.isoformat(),
            "items": [{"id": calendar}],
        }
        _, answer = self._send(FREE_BUSY, self._service.freebusy().query(body=query))
        with mapped_errors(CALENDAR):
            # Errors of single calendars are in the body of a successful response.
            (found,) = answer["calendars"].values()
            if found.get("errors"):
                reason = str(found["errors"][0].get("reason"))
                raise CalendarUnreadable(f"Google returned no busy times: {reason}")
            return [google_events.span_of(period) for period in found["busy"]]

    def _by_events(
        self, calendar: str, window: Interval, zone: str, exclude: str
    ) -> Sequence[Interval]:
        with mapped_errors(CALENDAR):
            spans = google_events.busy_spans(self._events(calendar, window), zone, exclude)
            return [span for span in spans if span.overlaps(window)]

    def _events(self, calendar: str, window: Interval) -> Iterator[google_events.Resource]:
        events = self._service.events()
        request = events.list(
            calendarId=calendar,
            timeMin=window.start.isoformat(),
            timeMax=window.end.isoformat(),
            singleEvents=True,
        )
        while request is not None:
            _, answer = self._send(EVENTS, request)
            yield from answer["items"]
            request = events.list_next(request, answer)

    def _stored(self, calendar: str, uid: str) -> Stored:
        """Return our event; without a time if it does not exist (see `google_events.Stored`)."""
        for number in range(_MAX_REVISIONS):
            name = event_id(uid, number)
            request = self._service.events().get(calendarId=calendar, eventId=name)
            status, answer = self._send(EVENT, request, _MISSING)
            if status in _MISSING:
                return Stored(name, None, 0, "")
            stored = google_events.read(answer)
            if stored.interval is not None:
                return stored
        raise Permanent("the event was booked and cancelled too often", code="calendar_refused")

    def _created(self, calendar: str, meeting: Meeting) -> Stored | None:
        """Create the event, and return None; if it already exists, return it instead."""
        stored = self._stored(calendar, meeting.uid)
        if stored.interval is not None:
            return stored
        body = resource_of(meeting, 0, stored.id)
        request = self._service.events().insert(calendarId=calendar, body=body, sendUpdates="none")
        status, _ = self._send(EVENTS, request, (HTTPStatus.CONFLICT,))
        if status != HTTPStatus.CONFLICT:
            return None
        stored = self._stored(calendar, meeting.uid)
        if stored.interval is None:
            raise Transient("the event was deleted while it was booked")
        return stored

    def _move(self, calendar: str, meeting: Meeting, sequence: int, stored: Stored) -> None:
        request = self._service.events().update(
            calendarId=calendar,
            eventId=stored.id,
            body=resource_of(meeting, sequence, stored.id),
            sendUpdates="none",
        )
        request.headers["If-Match"] = stored.etag
        status, _ = self._send(EVENT, request, (HTTPStatus.PRECONDITION_FAILED, *_MISSING))
        if status != HTTPStatus.OK:
            raise Transient("the event was changed while it was moved")

    def _cancel(self, calendar: str, uid: str) -> None:
        stored = self._stored(calendar, uid)
        if stored.interval is not None:
            request = self._service.events().delete(
                calendarId=calendar, eventId=stored.id, sendUpdates="none"
            )
            self._send(EVENT, request, _MISSING)

    def _send(self, endpoint: str, request: Any, wanted: Collection[int] = ()) -> tuple[int, Any]:
        """Send a request.

        Args:
            endpoint: The endpoint's name in metrics.
            request: The request.
            wanted: Error statuses to return instead of raising.

        Returns:
            The status and the parsed body; no body with an error status.
        """
        with self._breaker(CALENDAR, endpoint), mapped_errors(CALENDAR), self._http() as http:
            try:
                # No retries by the library: `RetryPolicy` makes them.
                return HTTPStatus.OK, request.execute(http=http, num_retries=0)
            except HttpError as error:
                if error.status_code in wanted:
                    return error.status_code, None
                if is_refusal_of_calendar(error):
                    message = f"a calendar cannot be used: Google answered {error.status_code}"
                    raise Permanent(message, code="calendar_refused") from error
                raise

    @contextmanager
    def _http(self) -> Iterator[Any]:
        """Borrow an HTTP client: a client must not be used by two threads at the same time."""
        try:
            http = self._idle.pop()
        except IndexError:
            http = self._new_http()
        try:
            yield http
        finally:
            self._idle.append(http)

    def _new_http(self) -> Any:
        return google_auth_httplib2.AuthorizedHttp(
            self._credentials, http=InstrumentedHttp(timeout=self._timeout)
        )
