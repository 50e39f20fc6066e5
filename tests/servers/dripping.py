"""A server that never ends its answer, but sends something all the time."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

DRIPS = {
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
    "chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "chunk extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    "header": (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "redirects": (None, b""),
    "nothing": (b"", b""),
}
"""The start of each answer, and what follows it all the time; without a start, a redirect."""


@contextmanager
def dripping(start: bytes | None, drip: bytes) -> Iterator[str]:
    """Serve an answer of `DRIPS`; yields the URL."""
    ended = threading.Event()

    def answer(connection: socket.socket, url: str) -> None:
        with connection, suppress(OSError):
            connection.recv(4096)
            if start is None:
                ended.wait(0.3)
                moved = f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n"
                connection.sendall(moved.encode())
                return
            connection.sendall(start)
            while not ended.wait(0.05):
                connection.sendall(drip)

    def serve(listener: socket.socket, url: str) -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection, url), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a"
        thread = threading.Thread(target=serve, args=(listener, url))
        thread.start()
        try:
            yield url
        finally:
            ended.set()
            thread.join()
