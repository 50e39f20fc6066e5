"""Limits on connections and on the heads of requests.

Uvicorn limits neither the time that a head may take nor, with httptools, its size; and a connection
that has not sent a request yet does not count as a request in progress.
"""

import asyncio
import resource
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_SECONDS = 10.0
"""Seconds for the head of a request, from the connection or its first byte."""

_HEAD_BYTES = 16 << 10
"""The largest head of a request."""

_CONNECTIONS = 1000
"""The largest number of open connections."""


class LimitedConnection(H11Protocol):
    """Uvicorn's connection, closed if it is one too many or if a head takes too long.

    h11 rejects a head that is too large.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection (asyncio.Protocol)."""
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > max_connections():
            self.transport.abort()
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Handle the next bytes (asyncio.Protocol)."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        else:
            self._forget_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection (asyncio.Protocol)."""
        self._forget_head()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def _forget_head(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def server_config(app: Any, **options: Any) -> uvicorn.Config:
    """Uvicorn's configuration with these limits, and without its own log."""
    return uvicorn.Config(
        app,
        http=LimitedConnection,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        log_config=None,
        access_log=False,
        **options,
    )


def max_connections() -> int:
    """The largest number of open connections: half of the file descriptors remain for the rest."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # -1 on most systems, not a large number.
    if descriptors == resource.RLIM_INFINITY:
        return _CONNECTIONS
    return min(_CONNECTIONS, descriptors // 2)
