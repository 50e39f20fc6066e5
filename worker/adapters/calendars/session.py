"""Instrumentation of the HTTP session of the CalDAV library."""

from typing import Any

from caldav.lib.http_sync import Response, requests

from worker.adapters.endpoints import (
    CALDAV,
    CALDAV_CALENDAR,
    CALDAV_EVENT,
    CALDAV_HOME,
    CALDAV_SERVER,
)
from worker.adapters.http.calls import instrumented_call

_ENDPOINTS = {
    "DELETE": CALDAV_EVENT,
    "GET": CALDAV_EVENT,
    "MKCALENDAR": CALDAV_CALENDAR,
    "MKCOL": CALDAV_HOME,
    "OPTIONS": CALDAV_SERVER,
    "PUT": CALDAV_EVENT,
    "REPORT": CALDAV_CALENDAR,
}
"""What the methods that we use apply to."""


class InstrumentedSession(requests.Session):
    """A session that reports each request by the kind of its target."""

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Response:
        """Make a request, including redirects."""
        with instrumented_call(CALDAV, _ENDPOINTS[method]) as call:
            response = super().request(method, url, *arguments, **options)
            call.status = response.status_code
            return response
