"""One secret word for a page that programs read, such as the metrics."""

import hmac

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.api.problems import problem


class TokenGuard:
    """ASGI middleware that lets in only who sends a token, as `Authorization: Bearer …`.

    Args:
        app: The application behind it.
        token: What to send; without one, everybody is let in.
        path: The one path that is guarded; all of them if not given.
    """

    def __init__(self, app: ASGIApp, token: SecretStr | None, path: str | None = None) -> None:
        self._app = app
        self._expected = f"Bearer {token.get_secret_value()}".encode() if token else None
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI 3)."""
        if self._expected is None or not self._guards(scope):
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if hmac.compare_digest(given, self._expected):
            await self._app(scope, receive, send)
            return
        headers = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        refusal = problem(401, "this needs the METRICS_TOKEN", "unauthorized", headers=headers)
        await refusal(scope, receive, send)

    def _guards(self, scope: Scope) -> bool:
        return scope["type"] == "http" and self._path in (None, scope["path"])
