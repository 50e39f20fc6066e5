"""Instrumentation of the two HTTP libraries that Google's clients use."""

from typing import Any

import httplib2
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from worker.adapters.google.endpoints import endpoint_of
from worker.adapters.http.calls import instrumented_call

# Only `RetryPolicy` retries. httplib2's own retries can be disabled only by this constant.
httplib2.RETRIES = 1


class InstrumentedAdapter(HTTPAdapter):
    """An instrumented transport adapter of requests."""

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Make a request, and read the whole response."""
        with instrumented_call(*endpoint_of(request.url or "")) as call:
            response = super().send(request, *arguments, **options)
            # Reads the body, so that the measured time includes it.
            _ = response.content
            call.status = response.status_code
        return response


class InstrumentedHttp(httplib2.Http):  # type: ignore[misc]
    """An instrumented client of httplib2."""

    def request(self, uri: str, *arguments: Any, **options: Any) -> tuple[Any, bytes]:
        """Make a request, and read the whole response."""
        with instrumented_call(*endpoint_of(uri)) as call:
            response, content = super().request(uri, *arguments, **options)
            call.status = response.status
        return response, content
