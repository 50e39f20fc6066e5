"""The common base of embedded servers."""

import importlib
import socket
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Protocol

from tasks.errors import MissingExtra
from worker.local.processes.child import Child, ProcessFailed
from worker.local.processes.ports import free_port

_START_SECONDS = 120.0
_KNOCK_SECONDS = 0.1
_ATTEMPTS = 3
_PORT_TAKEN = ("in use", "addrinuse")


class ServerKind(Protocol):
    """Starts and checks one kind of server."""

    name: str
    """The server's name in messages and of its log file."""
    setting: str
    """The setting with the URL of such a server."""

    def argv(self, port: int, data: Path) -> list[str]:
        """The command line of the server.

        Args:
            port: The loopback port to listen on.
            data: The directory for its data.

        Raises:
            MissingExtra: The server is not installed.
        """

    def url(self, port: int) -> str:
        """The value of the setting for a server on this loopback port."""

    def is_ready(self, url: str) -> bool:
        """Whether the server responds."""


class EmbeddedServer:
    """A server process on a free loopback port.

    Attributes:
        kind: The kind of server.
        child: Its process.
    """

    def __init__(self, kind: ServerKind, data_dir: Path) -> None:
        """Prepare a server; `start` starts it.

        Args:
            kind: The kind of server.
            data_dir: The parent of its data (`<name>/`) and its log (`log/<name>.log`).

        Raises:
            MissingExtra: The server is not installed.
        """
        self.kind = kind
        self._data = (data_dir / kind.name).absolute()
        self._log = data_dir / "log" / f"{kind.name}.log"
        self._data.mkdir(parents=True, exist_ok=True)
        self._port, self.child = self._prepare()

    @property
    def url(self) -> str:
        """The value of the server's setting."""
        return self.kind.url(self._port)

    def start(self) -> None:
        """Start the server without waiting until it is ready."""
        self.child.start()

    def wait_until_ready(self) -> None:
        """Wait until the server responds; if its port is taken, restart it on another one.

        Raises:
            ProcessFailed: The server failed to start.
        """
        for attempt in range(_ATTEMPTS):
            try:
                self.child.wait_until(lambda: self.kind.is_ready(self.url), _START_SECONDS)
            except ProcessFailed as error:
                if attempt + 1 == _ATTEMPTS or not _lost_port(error):
                    raise
                self._port, self.child = self._prepare()
                self.start()
            else:
                return

    def connect_once(self) -> None:
        """Open a connection to the server and close it."""
        address = ("127.0.0.1", self._port)
        with suppress(OSError), socket.create_connection(address, _KNOCK_SECONDS):
            pass

    def _prepare(self) -> tuple[int, Child]:
        port = free_port()
        return port, Child(self.kind.name, self.kind.argv(port, self._data), log=self._log)


def embedded_module(name: str) -> ModuleType:
    """Import a package of the `embedded` extra.

    Raises:
        MissingExtra: The package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_embedded(name) from error


def missing_embedded(what: str) -> MissingExtra:
    """The error that explains how to install the embedded servers."""
    return MissingExtra(
        f"{what} is not installed: run `pip install 'interview-worker[embedded]'`, "
        "or set the URL of your own server"
    )


def _lost_port(error: ProcessFailed) -> bool:
    return any(words in error.message.lower() for words in _PORT_TAKEN)
