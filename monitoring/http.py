"""ASGI middleware that records metrics of HTTP requests.

https://asgi.readthedocs.io/en/stable/specs/www.html
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.metrics.labels import CLIENT_CLOSED_REQUEST
from monitoring.metrics.recording import Recorder
from tasks.signals import stopwatch

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_ERROR = 500


class RequestsInFlight(Collector):
    """The number of requests in flight, by route template."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def begin(self, path: str) -> None:
        """Record the start of a request."""
        self._counts[path] += 1

    def end(self, path: str) -> None:
        """Record the end of a request, completed or aborted."""
        self._counts[path] -= 1

    def collect(self) -> Iterator[Metric]:
        """Report each template that has been requested."""
        found = family(metrics.HTTP_IN_FLIGHT)
        for path, count in self._counts.copy().items():
            found.add((path,), count)
        yield found


class HttpMonitor:
    """ASGI middleware that counts and times requests.

    A client that disconnects before the response starts counts as 499, and an unhandled exception
    as 500. A request ends when its response is complete.

    Args:
        app: The wrapped application.
        recorder: Records the metrics.
        in_flight: Tracks requests in flight.
        template: Returns the template of the route that will handle a request.
    """

    def __init__(
        self,
        app: Application,
        recorder: Recorder,
        in_flight: RequestsInFlight,
        template: Callable[[Scope], str],
    ) -> None:
        self._app = app
        self._recorder = recorder
        self._in_flight = in_flight
        self._template = template

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seconds = stopwatch()
        path = self._template(scope)
        method = scope["method"]
        exchange = _Exchange(scope, receive, send)
        self._in_flight.begin(path)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except BaseException:
            exchange.fail()
            raise
        finally:
            self._in_flight.end(path)
            self._recorder.count(metrics.HTTP_REQUESTS, path, method, str(exchange.status))
            self._recorder.observe(metrics.HTTP_DURATION, seconds(), path, method)


class _Exchange:
    """One request and its response, observed by wrapping `receive` and `send`.

    Attributes:
        status: The status code, as far as known.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.status = _ERROR
        self._receive = receive
        self._send = send
        self._answered = False
        self._gone = False
        self._body_read = not _has_body(scope)

    def fail(self) -> None:
        """Record an unhandled exception of the application."""
        if not self._gone:
            self.status = _ERROR

    async def receive(self) -> Message:
        """Forward a message from the client."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnected()
        else:
            self._body_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Forward a message to the client."""
        if message["type"] == "http.response.start":
            if self._body_read:
                await self._poll_disconnect()
            if not self._gone:
                self.status = message["status"]
            self._answered = True
        await self._send(message)

    async def _poll_disconnect(self) -> None:
        """Poll for a disconnect of the client.

        Servers signal a disconnect by the message after the body, which handlers rarely await.
        Polling before the body is complete would consume part of it, or make the server request it
        from the client.
        """
        message = asyncio.ensure_future(self.receive())
        await asyncio.sleep(0)
        message.cancel()

    def _disconnected(self) -> None:
        if not self._answered:
            self._gone = True
            self.status = CLIENT_CLOSED_REQUEST


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return length != b"0" or b"transfer-encoding" in headers
