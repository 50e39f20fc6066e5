"""An HTTP server with scripted responses that records its requests."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.timing import patience

_RESET = struct.pack("ii", 1, 0)
"""Lingering for no time: closing a socket resets its connection (socket(7), SO_LINGER)."""


@dataclass(frozen=True)
class Request:
    """A received request."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Their names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A scripted response.

    Attributes:
        body: Bytes, or a value to send as JSON.
        after: An event to wait for before anything is sent.
        cut: Whether the connection is closed in the middle of the body.
        reset: Whether the connection is reset without a response.
    """

    status: int = 200
    body: object = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: threading.Event | None = None
    cut: bool = False
    reset: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Script = Callable[[Request], Answer]


@dataclass
class ScriptedServer:
    """A server with scripted responses.

    Attributes:
        answer: Returns the response to a request; may be replaced at any time.
        requests: All requests, in order.
    """

    url: str
    answer: Script
    requests: list[Request] = field(default_factory=list)

    def take(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answer(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def __getattr__(self, name: str) -> Any:
        # The base class calls `do_GET` and so on.
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.script.take(Request(self.command, self.path, headers, body))
        if answer.after is not None:
            answer.after.wait(patience(30))
        if answer.reset:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        content = answer.content
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if answer.cut else content)
        self.close_connection = self.close_connection or answer.cut

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: ScriptedServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script

    def handle_error(self, *_: Any) -> None:
        """Ignore clients that disconnect."""


@contextmanager
def scripted_server(answer: Script) -> Iterator[ScriptedServer]:
    """Run a server on the loopback address for the duration of the context."""
    server = ScriptedServer("", answer)
    with _Server(server) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
