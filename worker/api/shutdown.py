"""An orderly shutdown behind load balancers."""

import signal
import threading
import time
from types import FrameType

import uvicorn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class GracefulServer(uvicorn.Server):
    """Uvicorn that stops accepting connections some time after SIGTERM.

    Until then, load balancers learn from the readiness check that they must use other hosts, and
    responses close their connections. After that, requests in flight are finished. `run` returns
    after an orderly shutdown, while Uvicorn ends the process by the signal that it received.

    SIGINT skips the delay. A second signal ends the process at once.
    """

    def __init__(
        self, config: uvicorn.Config, delay: float, shutting_down: threading.Event
    ) -> None:
        """Create a server without starting it.

        Args:
            config: Uvicorn's configuration.
            delay: Seconds from SIGTERM until no connection is accepted.
            shutting_down: Is set on the first signal.
        """
        super().__init__(config)
        self._delay = delay
        self._shutting_down = shutting_down
        self._deadline: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to shut down. Uvicorn calls it as the handler of SIGINT and SIGTERM."""
        del frame
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        self._shutting_down.set()
        if sig == signal.SIGTERM and self.started:
            self._deadline = time.monotonic() + self._delay
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop accepting connections. Uvicorn asks every 0.1 seconds."""
        should_exit = await super().on_tick(counter)
        if self._deadline is None:
            return should_exit
        close = (b"connection", b"close")
        if close not in self.server_state.default_headers:
            self.server_state.default_headers = [*self.server_state.default_headers, close]
        return time.monotonic() >= self._deadline
