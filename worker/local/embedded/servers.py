"""Runs the servers that nobody else provides."""

import contextlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import TracebackType

from worker.local.embedded.caldav import CalDAV
from worker.local.embedded.kafka import Kafka
from worker.local.embedded.lock import exclusive
from worker.local.embedded.mongodb import MongoDB
from worker.local.embedded.server import EmbeddedServer, ServerKind
from worker.local.embedded.valkey import Valkey
from worker.local.processes.child import Child, stop_all

_STOP_SECONDS = 10.0

KINDS: tuple[ServerKind, ...] = (Valkey(), MongoDB(), Kafka(), CalDAV())
"""Every server there is, with the setting that replaces it."""


class EmbeddedServers:
    """Servers that run for as long as the context lasts; entering it gives their settings.

    Must be entered in the main thread: the servers die with the thread that starts them.

        with EmbeddedServers(Path(".interview-worker"), {"valkey", "mongodb"}) as settings:
            settings["REDIS_URL"]
    """

    def __init__(self, data_dir: Path, wanted: AbstractSet[str]) -> None:
        """Describe what to run.

        Args:
            data_dir: Where the data and logs of the servers are kept, from one run to the next.
            wanted: The names of the kinds of servers to run.
        """
        self._data_dir = data_dir
        self._kinds = [kind for kind in KINDS if kind.name in wanted]
        self._servers: list[EmbeddedServer] = []
        self._stack = contextlib.ExitStack()

    @property
    def children(self) -> list[Child]:
        """The processes of the servers."""
        return [server.child for server in self._servers]

    def __enter__(self) -> Mapping[str, str]:
        """Start the servers, side by side.

        Raises:
            AlreadyRunning: Another process uses the data directory.
            MissingExtra: A server is not installed.
            ProcessFailed: A server does not come up.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(exclusive(self._data_dir))
            self._servers = [EmbeddedServer(kind, self._data_dir) for kind in self._kinds]
            stack.callback(lambda: stop_all(self.children, _STOP_SECONDS, self._connect_to_all))
            for server in self._servers:
                server.start()
            for server in self._servers:
                server.wait_until_ready()
            self._stack = stack.pop_all()
        return {server.kind.setting: server.url for server in self._servers}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the servers."""
        self._stack.close()

    def _connect_to_all(self) -> bool:
        # SecantusDB waits for a connection even when it is to stop, or else for two seconds.
        for server in self._servers:
            if server.child.is_running:
                server.connect_once()
        return False
