"""The two HTTP libraries of Google's clients, made to announce every request."""

from typing import Any

import httplib2
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from worker.adapters.google.endpoints import endpoint_of
from worker.adapters.http.calls import instrumented_call

# Attempts are counted and limited in one place, which is not here. The library has no other switch.
httplib2.RETRIES = 1


class InstrumentedAdapter(HTTPAdapter):
    """Makes the requests of a session of requests."""

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Make a request, and read all of its answer."""
        with instrumented_call(*endpoint_of(request.url or "")) as call:
            response = super().send(request, *arguments, **options)
            # An answer counts when its body is there.
            _ = response.content
            call.status = response.status_code
        return response


class InstrumentedHttp(httplib2.Http):  # type: ignore[misc]
    """A client of httplib2."""

    def request(self, uri: str, *arguments: Any, **options: Any) -> tuple[Any, bytes]:
        """Make a request, and read all of its answer."""
        with instrumented_call(*endpoint_of(uri)) as call:
            response, content = super().request(uri, *arguments, **options)
            call.status = response.status
        return response, content
