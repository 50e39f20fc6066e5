"""Bearer-token protection of the metrics endpoint."""

import hmac

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.api.problems import problem


class TokenGuard:
    """ASGI middleware that requires a token, sent as `Authorization: Bearer …`.

    Args:
        app: The wrapped application.
        token: The expected token; None allows every request.
        path: The only protected path; None protects all paths.
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
        refusal = problem(401, "METRICS_TOKEN is required", "unauthorized", headers=headers)
        await refusal(scope, receive, send)

    def _guards(self, scope: Scope) -> bool:
        return scope["type"] == "http" and self._path in (None, scope["path"])
