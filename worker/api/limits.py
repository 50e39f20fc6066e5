"""Limits on the size and the transfer rate of request bodies.

Starlette limits the size too, but rejects an excessive `Content-Length` in plain text.
"""

import asyncio
from http import HTTPStatus
from time import monotonic

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.api.problems import problem

_FORM_OVERHEAD = 1 << 20
"""Bytes of a multipart body in addition to the recording."""

_MAX_JSON = 1 << 20
"""Maximum size, in bytes, of a body that is not an upload."""

_MIN_RATE = 8192
"""Minimum transfer rate, in bytes per second (like Apache's `RequestReadTimeout`)."""

# The body is not read to its end, so the connection cannot be reused.
_CLOSE = {"Connection": "close"}


class BodyLimit:
    """ASGI middleware that rejects a request whose body is too large or arrives too slowly.

    Args:
        app: The wrapped application.
        max_bytes: Maximum size of a recording.
        uploads: The path to which recordings are posted; a smaller limit applies elsewhere.
        timeout: Seconds for a body, in addition to its transfer time at the minimum rate.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, uploads: str, timeout: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._uploads = uploads
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = scope["path"] == self._uploads
        body = _Body(receive, self._max_bytes if is_upload else _MAX_JSON, self._timeout)
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > body.max_length:
            refusal = problem(413, body.detail, "too_large", headers=_CLOSE)
            await refusal(scope, receive, send)
            return
        await self._app(scope, body.receive, send)


class _Body:
    """The body of one request, as it arrives."""

    def __init__(self, receive: Receive, max_bytes: int, timeout: float) -> None:
        self.max_length = max_bytes + _FORM_OVERHEAD
        self.detail = f"the body is larger than {max_bytes} bytes"
        self._receive = receive
        self._read = 0
        self._deadline = monotonic() + timeout
        self._complete = False

    async def receive(self) -> Message:
        """Receive the next ASGI message of the request."""
        if self._complete:
            # After the body only `http.disconnect` follows, which has no deadline.
            return await self._receive()
        remaining = self._deadline + self._read / _MIN_RATE - monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(remaining, 0))
        except TimeoutError:
            status = HTTPStatus.REQUEST_TIMEOUT
            raise HTTPException(status, "the body arrives too slowly", _CLOSE) from None
        self._complete = not message.get("more_body", False)
        self._read += len(message.get("body", b""))
        if self._read > self.max_length:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.detail, _CLOSE)
        return message
