"""An HTTP client for CalDAV servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from caldav.davclient import DAVClient
from caldav.elements import cdav, dav
from caldav.lib.error import AuthorizationError, DAVError, RateLimitError
from caldav.response import DAVResponse

from tasks.errors import CalendarUnreadable, Transient
from tasks.interviews.people import Interval
from worker.adapters.calendars.session import InstrumentedSession

MISSING = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_TRANSIENT = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.LOCKED,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
    HTTPStatus.INSUFFICIENT_STORAGE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the server.

    Attributes:
        status: The HTTP status.
        text: The body.
        etag: The version of the resource, if the server sent one.
        response: The parsed response; None if the server denied access.
    """

    status: int
    text: str = ""
    etag: str | None = None
    response: DAVResponse | None = None


class Dav:
    """A client of one CalDAV server.

    Connections are opened by the first request. The client is thread-safe, but must not be used
    across a fork after the first request.

    Args:
        url: The server's URL.
        username: The user; None for a server without authentication.
        password: The user's password.
        timeout: Seconds to wait for the server.
    """

    def __init__(
        self, url: str, username: str | None, password: str | None, timeout: float
    ) -> None:
        self._client = DAVClient(
            url=url,
            username=username,
            password=password,
            timeout=timeout,  # type: ignore[arg-type] # passed on to niquests, which takes floats
            enable_rfc6764=False,  # the URL is given: no discovery by DNS
        )
        self._client.session.close()
        self._client.session = InstrumentedSession()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def send(
        self, method: str, url: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request.

        Returns:
            The response, with any status that is not transient.

        Raises:
            Transient: The server is unreachable, busy or failing.
            CalendarUnreadable: The response is not CalDAV.
        """
        try:
            response = self._client.request(url, method, body, headers or {})
            text = response.raw
        except AuthorizationError as error:
            return Answer(error.status or HTTPStatus.FORBIDDEN)
        except RateLimitError as error:
            raise Transient(
                "the calendar server is busy", retry_after=error.retry_after_seconds
            ) from error
        except OSError as error:  # the base of all errors of niquests
            raise Transient(
                f"the calendar server cannot be reached ({type(error).__name__})"
            ) from error
        except (DAVError, SyntaxError, ValueError) as error:  # SyntaxError: lxml, of malformed XML
            raise unreadable(method, "with something that is not CalDAV") from error
        if response.status in _TRANSIENT:
            raise Transient(f"the calendar server answered {response.status} to {method}")
        return Answer(response.status, text, response.headers.get("ETag"), response)

    def free_busy(self, url: str, window: Interval) -> Answer:
        """Query the busy times of a calendar (RFC 4791, section 7.10)."""
        query = cdav.FreeBusyQuery() + cdav.TimeRange(window.start, window.end)
        return self.send("REPORT", url, str(query), {"Depth": "1"})

    def events(self, url: str, window: Interval) -> Answer:
        """Query the events that overlap a window (RFC 4791, section 7.8)."""
        events = cdav.CompFilter("VEVENT") + cdav.TimeRange(window.start, window.end)
        only = cdav.Filter() + (cdav.CompFilter("VCALENDAR") + events)
        query = cdav.CalendarQuery() + (dav.Prop() + cdav.CalendarData()) + only
        return self.send("REPORT", url, str(query), {"Depth": "1"})


def calendar_data(answer: Answer) -> list[str]:
    """Return the events of a response to `events`, as iCalendar texts.

    Raises:
        CalendarUnreadable: The response is incomplete, so that free times are unknown.
    """
    response = answer.response
    if response is None or response.tree is None or response.tree.tag != dav.MultiStatus.tag:
        raise unreadable("REPORT", "with something that is not CalDAV")
    if response.tree.find(dav.Response.tag) is None:
        return []
    if not response.all_statuses_ok():
        raise unreadable("REPORT", "in part only")
    try:
        results = response.parse_calendar_query()
    except (DAVError, AssertionError) as error:
        raise unreadable("REPORT", "with something that is not CalDAV") from error
    texts = [result.calendar_data for result in results]
    if not all(texts):
        raise unreadable("REPORT", "in part only")
    return [text for text in texts if text]


def unreadable(method: str, answer: str) -> CalendarUnreadable:
    """Return the error for an unusable response."""
    return CalendarUnreadable(f"the calendar server answered {method} {answer}")
