"""Embedded servers, run as child processes."""

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
"""All kinds of embedded servers."""


class EmbeddedServers:
    """Runs servers while the context is active; yields the settings with their addresses.

    Enter it only in the main thread: the servers are killed when the thread that started them ends.

        with EmbeddedServers(Path(".interview-worker"), {"valkey", "mongodb"}) as settings:
            settings["REDIS_URL"]
    """

    def __init__(self, data_dir: Path, wanted: AbstractSet[str]) -> None:
        """Select the servers without starting them.

        Args:
            data_dir: The persistent directory for the servers' data and logs.
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
        """Start the servers in parallel.

        Raises:
            AlreadyRunning: Another process uses the data directory.
            MissingExtra: A server is not installed.
            ProcessFailed: A server failed to start.
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
        # SecantusDB checks for termination only every two seconds or at the next connection.
        for server in self._servers:
            if server.child.is_running:
                server.connect_once()
        return False
