"""Limits on connections and on the heads of requests, on the real sidecar."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest

from tests.sidecar import serving
from tests.timing import patience, wait_until, within
from worker.api.connections import max_connections
from worker.settings import Settings


@pytest.fixture(scope="module")
def url(
    redis_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    place = tmp_path_factory.mktemp("connections")
    settings = Settings().with_environment(
        {
            "REDIS_URL": redis_url,
            "MONGODB_URL": f"{mongodb_url.partition('?')[0].rstrip('/')}/test_connections",
            "CALDAV_URL": "http://127.0.0.1:9/",
            "MONGODB_METRICS_PORT": "0",
            "METRICS_DIR": str(place / "metrics"),
        }
    )
    with serving(settings, place) as found:
        yield found


def connected(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=patience(20))


def is_live(url: str) -> bool:
    return httpx2.get(f"{url}/health/live", trust_env=False, timeout=patience(5)).is_success


def first_line(connection: socket.socket) -> bytes:
    with suppress(ConnectionError):
        return connection.recv(4096).partition(b"\r\n")[0]
    return b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Large: " + b"a" * 1_000_000,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Many: a\r\n" * 100_000,
        b"GET /" + b"a" * 1_000_000,
        b"G" * 1_000_000,
    ],
    ids=["large header", "many headers", "long path", "long method"],
)
def test_a_large_head_is_refused(url: str, head: bytes) -> None:
    with connected(url) as connection, within(5, before=60):
        with suppress(ConnectionError):
            connection.sendall(head)
        assert first_line(connection) in (b"HTTP/1.1 400 Bad Request", b"")
    assert is_live(url)


def test_a_head_that_takes_too_long_ends_the_connection(url: str) -> None:
    starts = {
        b"": b"",
        b"G": b"",
        b"GET / HTTP/1.1\r\nHost: a\r\n": b"X: a\r\n",
        # The second request of a connection.
        b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n": b"G",
    }
    with ExitStack() as stack:
        waiting = {start: stack.enter_context(connected(url)) for start in starts}
        for start, connection in waiting.items():
            connection.sendall(start)

        def all_are_closed() -> bool:
            for start, connection in tuple(waiting.items()):
                if is_closed(connection, starts[start]):
                    del waiting[start]
            return not waiting

        wait_until(all_are_closed, 30, interval=0.2)


def is_closed(connection: socket.socket, drip: bytes) -> bool:
    try:
        connection.sendall(drip)
        return connection.recv(4096, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_many_half_sent_requests_do_not_keep_others_out(url: str) -> None:
    limit = max_connections()
    ours, _ = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)
    if ours < limit + 200:
        pytest.skip(f"needs {limit + 200} file descriptors")
    with ExitStack() as stack:
        for _ in range(limit + 50):
            with suppress(OSError):
                connection = stack.enter_context(connected(url))
                connection.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        wait_until(lambda: answers(url), 30, interval=0.5)
        assert time.monotonic() - began < patience(20)
    assert is_live(url)


def answers(url: str) -> bool:
    try:
        return is_live(url)
    except httpx2.HTTPError:
        return False
