"""Protection of the open API against web pages."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.api.problems import problem
from worker.security.browsers import reason_to_refuse


class BrowserGuard:
    """ASGI middleware that refuses requests of foreign web pages; for an API without keys.

    Args:
        app: The wrapped application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reason = reason_to_refuse(scope["method"], Headers(scope=scope).get)
        if reason is None:
            await self._app(scope, receive, send)
            return
        await problem(403, reason, "foreign_page")(scope, receive, send)
