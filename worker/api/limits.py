"""No request body grows beyond what is allowed, declared or not.

Starlette has such a limit too, but answers a declared excess in plain text.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks.errors import InvalidInput
from worker.api.problems import problem

_FORM_OVERHEAD = 1 << 20
"""Bytes a multipart body may have beside the recording."""


class BodyTooLarge(InvalidInput):
    """The request's body is larger than allowed."""

    code = "too_large"


class BodyLimit:
    """ASGI middleware that ends a request whose body is too large.

    Args:
        app: The application behind it.
        max_bytes: The largest recording.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max = max_bytes + _FORM_OVERHEAD
        self._detail = f"the body is larger than {max_bytes} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._max:
            # The sender is not read to the end, so the connection cannot be used again.
            refusal = problem(413, self._detail, BodyTooLarge.code, headers={"Connection": "close"})
            await refusal(scope, receive, send)
            return
        await self._app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max:
                raise BodyTooLarge(self._detail, pointer="/audio")
            return message

        return counted
