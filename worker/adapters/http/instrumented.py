"""An httpx2 transport with instrumentation and a time limit for the whole response."""

from collections.abc import Mapping
from time import monotonic

import httpx2

from worker.adapters.http.calls import instrumented_call

_CONNECT = 10.0
"""Seconds to wait for a new connection, or for a free one in the pool."""

OTHER = "other"
"""The endpoint of unknown paths in metrics."""


class InstrumentedTransport(httpx2.BaseTransport):
    """Reads the whole body before it returns a response, and measures the request until then.

    httpx2 limits the wait for each chunk of a response, but not for all of them.

    Args:
        service: The service's name, as in metrics.
        endpoints: Names of endpoints in metrics, by the end of the path.
        timeout: Seconds for reading the body.
        inner: The transport that makes the requests.
    """

    def __init__(
        self,
        service: str,
        endpoints: Mapping[str, str],
        timeout: float,
        inner: httpx2.BaseTransport | None = None,
    ) -> None:
        self._service = service
        self._endpoints = endpoints
        self._timeout = timeout
        self._inner = inner or httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request, and read the whole response."""
        with instrumented_call(self._service, self._endpoint(request.url.path)) as call:
            response = self._inner.handle_request(request)
            content = self._read(response, request)
            call.status = response.status_code
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx2.ByteStream(content),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()

    def _endpoint(self, path: str) -> str:
        found = (name for end, name in self._endpoints.items() if path.endswith(end))
        return next(found, OTHER)

    def _read(self, response: httpx2.Response, request: httpx2.Request) -> bytes:
        deadline = monotonic() + self._timeout
        pieces = []
        try:
            for piece in response.iter_raw():
                pieces.append(piece)
                if monotonic() > deadline:
                    raise httpx2.ReadTimeout("the answer takes too long", request=request)
        finally:
            response.close()
        return b"".join(pieces)


def instrumented_client(
    service: str, endpoints: Mapping[str, str], timeout: float
) -> httpx2.Client:
    """Return a client with an `InstrumentedTransport`.

    Args:
        service: The service's name, as in metrics.
        endpoints: Names of endpoints in metrics, by the end of the path.
        timeout: Seconds to wait for the start of a response, and again for its end.
    """
    return httpx2.Client(
        transport=InstrumentedTransport(service, endpoints, timeout),
        timeout=httpx2.Timeout(timeout, connect=_CONNECT, pool=_CONNECT),
    )
