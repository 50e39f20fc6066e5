"""Request ids and the access log."""

import logging
import re
from collections.abc import Callable
from uuid import uuid4

from monitoring.http import Application, Message, Receive, Scope, Send
from monitoring.trace_context import current_traceparent, describe
from tasks.context import attributes, bind, bound_context, interview_field
from tasks.signals import stopwatch

log = logging.getLogger("http")

HEADER = "X-Request-ID"
_TRACE_HEADER = b"traceparent"

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_QUIET = ("/health", "/health/live", "/health/ready", "/metrics")
"""Paths that are polled every few seconds; successes are logged at DEBUG."""

_REFUSED, _FAILED = 400, 500


class RequestLog:
    """ASGI middleware that binds a request's id to the log context and logs each response.

    The id is taken from the `X-Request-ID` header if it is well-formed, otherwise generated.

    Args:
        app: The wrapped application.
        template: Returns the path template of the route that matches a request.
    """

    def __init__(self, app: Application, template: Callable[[Scope], str]) -> None:
        self._app = app
        self._template = template

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, seconds, status = _request_id(scope), stopwatch(), _FAILED
        path = self._template(scope)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # The router has set `path_params` by now.
                bind(**interview_field(scope.get("path_params", {}).get("interview_id")))
                describe(attributes())
                ids = [(HEADER.lower().encode(), request_id.encode())]
                if (trace := current_traceparent()) is not None:
                    ids.append((_TRACE_HEADER, trace.encode()))
                message = {**message, "headers": [*message.get("headers", ()), *ids]}
            await send(message)

        operation = f"{scope['method']} {path}"
        with bound_context(request_id=request_id, operation=operation):
            try:
                await self._app(scope, receive, answer)
            finally:
                _write(path, operation, status, seconds())


def current_request_id() -> str | None:
    """The id of the current request; None outside of a request."""
    found = attributes().get("request_id")
    return None if found is None else str(found)


def _request_id(scope: Scope) -> str:
    given: bytes = dict(scope["headers"]).get(HEADER.lower().encode(), b"")
    return given.decode() if _ID.fullmatch(given) else uuid4().hex


def _write(path: str, operation: str, status: int, seconds: float) -> None:
    outcome = "success" if status < _REFUSED else "refused" if status < _FAILED else "error"
    level = logging.DEBUG if path in _QUIET and status < _FAILED else logging.INFO
    known = {"duration": round(seconds * 1000), "status": outcome}
    log.log(level, "%s: %d", operation, status, extra=known)
