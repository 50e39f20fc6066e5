"""A TCP relay that can go silent, as if a cable were pulled: no data arrives, and no close."""

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Iterator


class Relay(socketserver.ThreadingTCPServer):
    """Forwards connections to its port, in both directions."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.silenced = threading.Event()
        self.over = threading.Event()
        super().__init__(("127.0.0.1", 0), _Connection)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def silence(self) -> None:
        """Stop forwarding on existing connections; new ones still work."""
        before, self.silenced = self.silenced, threading.Event()
        before.set()


class _Connection(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        silenced = self.server.silenced
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.server.target)) as upstream,
        ):
            ends = {self.request: upstream, upstream: self.request}
            while not self.server.over.is_set():
                readable, _, _ = select.select(list(ends), [], [], 0.02)
                if silenced.is_set():
                    self.server.over.wait()
                for end in readable:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


@contextlib.contextmanager
def relay(target: int) -> Iterator[Relay]:
    """Run a relay to a local port while the context is active."""
    with Relay(target) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
