"""The requests that an ASGI application answers.

https://asgi.readthedocs.io/en/stable/specs/www.html
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from http import HTTPMethod
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.metrics.recording import Recorder
from tasks.signals import stopwatch

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS = frozenset(HTTPMethod)
_OTHER = "OTHER"

_ERROR = 500
_GONE = 499
"""What nginx logs for a client that does not wait for the answer."""


class RequestsInFlight(Collector):
    """How many requests are being answered at this moment, by the template of their route."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def begin(self, path: str) -> None:
        """A request came in."""
        self._counts[path] += 1

    def end(self, path: str) -> None:
        """A request is answered, or given up."""
        self._counts[path] -= 1

    def collect(self) -> Iterator[Metric]:
        """Tell of each template that was ever asked for."""
        found = family(metrics.HTTP_IN_FLIGHT)
        for path, count in self._counts.copy().items():
            found.add((path,), count)
        yield found


class HttpMonitor:
    """ASGI middleware that counts and times requests.

    A client that goes away before the answer begins counts as 499, and an exception that leaves
    the application as 500. A request lasts until its answer is complete.

    Args:
        app: The application behind it.
        recorder: Takes the figures.
        in_flight: Is told of requests as they come and go.
        template: Tells the template of the route that will answer a request.
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
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
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
    """One request and its answer, watched from outside.

    Attributes:
        status: The status code by what is known so far.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.status = _ERROR
        self._receive = receive
        self._send = send
        self._answered = False
        self._gone = False
        self._body_read = not _has_body(scope)

    def fail(self) -> None:
        """An exception left the application."""
        if not self._gone:
            self.status = _ERROR

    async def receive(self) -> Message:
        """Pass on a message of the client."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnected()
        else:
            self._body_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on a message to the client."""
        if message["type"] == "http.response.start":
            if self._body_read:
                await self._poll_disconnect()
            if not self._gone:
                self.status = message["status"]
            self._answered = True
        await self._send(message)

    async def _poll_disconnect(self) -> None:
        """See whether the client is still there.

        Servers tell it as the message after the body, for which handlers seldom wait. Asked for
        while a body is still to come, they would hand out a piece of it, or ask the client for it.
        """
        message = asyncio.ensure_future(self.receive())
        await asyncio.sleep(0)
        message.cancel()

    def _disconnected(self) -> None:
        if not self._answered:
            self._gone = True
            self.status = _GONE


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return length != b"0" or b"transfer-encoding" in headers
