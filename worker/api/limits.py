"""No request body grows beyond what is allowed, declared or not, or comes too slowly.

Starlette has a limit of size too, but answers a declared excess in plain text.
"""

import asyncio
from http import HTTPStatus
from time import monotonic

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.api.problems import problem

_FORM_OVERHEAD = 1 << 20
"""Bytes a multipart body may have beside the recording."""

_MAX_JSON = 1 << 20
"""Bytes of a body that is no upload."""

_PACE = 8192
"""Bytes a second below which a body comes too slowly (like Apache's `RequestReadTimeout`)."""

# The sender is not read to the end, so the connection cannot be used again.
_CLOSE = {"Connection": "close"}


class BodyLimit:
    """ASGI middleware that ends a request whose body is too large, or comes too slowly.

    Args:
        app: The application behind it.
        max_bytes: The largest recording.
        uploads: The path to which recordings are posted; bodies elsewhere are small.
        timeout: Seconds a body may take, beside those that its bytes take at the slowest pace.
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
    """The body of one request, as it comes in."""

    def __init__(self, receive: Receive, max_bytes: int, timeout: float) -> None:
        self.max_length = max_bytes + _FORM_OVERHEAD
        self.detail = f"the body is larger than {max_bytes} bytes"
        self._receive = receive
        self._read = 0
        self._deadline = monotonic() + timeout
        self._complete = False

    async def receive(self) -> Message:
        """Pass on a message of the client."""
        if self._complete:
            # What follows the body is the end of the connection, for which anybody may wait.
            return await self._receive()
        patience = self._deadline + self._read / _PACE - monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(patience, 0))
        except TimeoutError:
            status = HTTPStatus.REQUEST_TIMEOUT
            raise HTTPException(status, "the body comes too slowly", _CLOSE) from None
        self._complete = not message.get("more_body", False)
        self._read += len(message.get("body", b""))
        if self._read > self.max_length:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.detail, _CLOSE)
        return message
