"""Instrumentation of the HTTP session of the CalDAV library."""

from typing import Any

from caldav.lib.http_sync import Response, requests

from worker.adapters.http.calls import instrumented_call

_KINDS = {
    "DELETE": "event",
    "GET": "event",
    "MKCALENDAR": "calendar",
    "MKCOL": "folder",
    "OPTIONS": "server",
    "PUT": "event",
    "REPORT": "calendar",
}


class InstrumentedSession(requests.Session):
    """A session that reports each request by its method and the kind of its target."""

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Response:
        """Make a request, including redirects."""
        with instrumented_call("caldav", f"{method} {_KINDS[method]}") as call:
            response = super().request(method, url, *arguments, **options)
            call.status = response.status_code
            return response
