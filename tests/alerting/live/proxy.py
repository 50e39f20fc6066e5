"""An https proxy before the APIs, which blackbox_exporter probes."""

import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2

from tests.requirements import program

_LONG, _SHORT = 300, 7
"""The days for which the two certificates are valid."""
_PATIENCE = 0.7
"""Seconds to wait for a host: the probe waits for two of them."""


@dataclass
class Proxy:
    """A proxy.

    Attributes:
        url: Its URL.
        answers: Whether it answers.
    """

    url: str
    answers: bool
    _context: ssl.SSLContext
    _place: Path

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Answer no request for the duration of the context."""
        self.answers = False
        try:
            yield
        finally:
            self.answers = True

    @contextmanager
    def expiring(self) -> Iterator[None]:
        """Present a certificate that soon expires for the duration of the context."""
        self._present(_SHORT)
        try:
            yield
        finally:
            self._present(_LONG)

    def _present(self, days: int) -> None:
        self._context.load_cert_chain(self._place / f"{days}.pem", self._place / f"{days}.key")


@contextmanager
def certified_proxy(place: Path, apis: Sequence[str]) -> Iterator[Proxy]:
    """Run a proxy before the APIs of several hosts, of which it asks the first that answers."""
    for days in (_LONG, _SHORT):
        _certify(place, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = httpx2.Client(trust_env=False, timeout=_PATIENCE)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            alive = proxy.answers and any(_is_alive(client, f"{api}{self.path}") for api in apis)
            self.send_response(200 if alive else 502)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(f"https://127.0.0.1:{server.server_address[1]}", True, context, place)
    proxy._present(_LONG)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        client.close()


def _is_alive(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx2.HTTPError:
        return False


def _certify(place: Path, days: int) -> None:
    command = [
        *(program("openssl"), "req", "-x509", "-nodes", "-newkey", "ec"),
        *("-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost", "-days", str(days)),
        *("-keyout", str(place / f"{days}.key"), "-out", str(place / f"{days}.pem")),
    ]
    subprocess.run(command, check=True, capture_output=True)
