"""HTTP metrics, with a real server and clients that may disconnect."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx2
import pytest
import uvicorn

from monitoring import metrics
from monitoring.http import HttpMonitor, Message, Receive, RequestsInFlight, Scope, Send
from monitoring.metrics.recording import Recorder
from tests.monitoring.figures import figures_of
from tests.timing import allowed, patience, wait_for, wait_until

START: Message = {"type": "http.response.start", "status": 202, "headers": []}


class Application:
    """Responds depending on the path; on `/slow…` after being released."""

    def __init__(self) -> None:
        self.release = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/broken":
            raise RuntimeError("broken")
        if path == "/upload":
            await read_all(receive)
        if path == "/slow":
            await self._released()
        await send(START)
        if path == "/slow-body":
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            await self._released()
        if path == "/broken-body":
            raise RuntimeError("broken")
        await send({"type": "http.response.body", "body": b"done"})

    async def _released(self) -> None:
        await asyncio.to_thread(self.release.wait, allowed(20))


async def read_all(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RuntimeError("the client is gone")
        if not message["more_body"]:
            return


class Served:
    """The monitored application on a port of its own."""

    def __init__(self) -> None:
        self.application = Application()
        self.recorder = Recorder()
        self.in_flight = RequestsInFlight()
        monitor = HttpMonitor(
            self.application, self.recorder, self.in_flight, lambda scope: scope["path"]
        )
        self.server = uvicorn.Server(
            uvicorn.Config(monitor, port=0, lifespan="off", log_config=None)
        )

    @property
    def port(self) -> int:
        port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return port

    def get(self, path: str, method: str = "GET") -> httpx2.Response:
        return httpx2.request(method, f"http://127.0.0.1:{self.port}{path}")

    def sent(self, text: str) -> socket.socket:
        """A connection on which a text has been sent."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(text.replace("\n", "\r\n").encode())
        return connection

    def leave(self, connection: socket.socket) -> None:
        """Close a connection, and wait until the server has noticed."""
        connection.close()
        wait_until(lambda: not self.server.server_state.connections)

    def flying(self, path: str) -> float | None:
        return figures_of(self.in_flight).value(metrics.HTTP_IN_FLIGHT, path)

    @property
    def requests(self) -> dict[tuple[str, ...], float]:
        """The number of requests by path, method and status."""
        return figures_of(self.recorder).by_labels(metrics.HTTP_REQUESTS)

    @property
    def durations(self) -> float:
        """The number of requests whose duration was measured."""
        return sum(figures_of(self.recorder).counts(metrics.HTTP_DURATION).values())


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    with running(served.server):
        yield served
        served.application.release.set()


@contextmanager
def running(server: uvicorn.Server) -> Iterator[None]:
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join(patience(10))
        assert not thread.is_alive()


def test_counts_what_is_answered(served: Served) -> None:
    for method in ("GET", "GET", "POST", "PROPFIND"):
        assert served.get("/", method).status_code == 202
    # A request is counted once its answer is sent, so the client may have it before.
    wait_for(
        lambda: served.requests,
        {("/", "GET", "202"): 2, ("/", "POST", "202"): 1, ("/", "other", "202"): 1},
    )
    wait_for(lambda: served.durations, 4)
    assert served.flying("/") == 0


@pytest.mark.parametrize("path", ["/broken", "/broken-body"])
def test_an_exception_is_an_error_of_ours(served: Served, path: str) -> None:
    with served.sent(f"GET {path} HTTP/1.1\nHost: x\n\n") as connection:
        connection.recv(1)
        wait_until(lambda: served.requests == {(path, "GET", "500"): 1})
    assert served.flying(path) == 0


def test_a_request_lasts_until_its_answer_is_complete(served: Served) -> None:
    url = f"http://127.0.0.1:{served.port}/slow-body"
    with httpx2.stream("GET", url) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"begun"
        assert served.flying("/slow-body") == 1
        assert served.requests == {}
        served.application.release.set()
        assert list(pieces) == [b"done"]
    wait_until(lambda: served.requests == {("/slow-body", "GET", "202"): 1})
    assert served.flying("/slow-body") == 0


def test_a_client_that_does_not_wait_is_gone(served: Served) -> None:
    connection = served.sent("GET /slow HTTP/1.1\nHost: x\n\n")
    wait_until(lambda: served.flying("/slow") == 1)
    served.leave(connection)
    served.application.release.set()
    wait_until(lambda: served.requests == {("/slow", "GET", "499"): 1})
    assert served.flying("/slow") == 0


def test_a_client_that_leaves_in_the_middle_of_an_upload_is_gone(served: Served) -> None:
    head = "POST /upload HTTP/1.1\nHost: x\nContent-Length: 100\n\nbegun"
    connection = served.sent(head)
    wait_until(lambda: served.flying("/upload") == 1)
    served.leave(connection)
    wait_until(lambda: served.requests == {("/upload", "POST", "499"): 1})


def test_a_client_that_leaves_in_the_middle_of_the_answer_had_one(served: Served) -> None:
    connection = served.sent("GET /slow-body HTTP/1.1\nHost: x\n\n")
    assert connection.recv(1)
    served.leave(connection)
    served.application.release.set()
    wait_until(lambda: served.requests == {("/slow-body", "GET", "202"): 1})


def test_a_body_that_nobody_reads_is_not_asked_for(served: Served) -> None:
    head = "POST /refused HTTP/1.1\nHost: x\nContent-Length: 9\nExpect: 100-continue\n\n"
    with closing(served.sent(head)) as connection:
        assert connection.recv(12) == b"HTTP/1.1 202"
    wait_until(lambda: served.requests == {("/refused", "POST", "202"): 1})


def test_what_is_no_request_passes_by() -> None:
    passed: list[str] = []

    async def application(scope: Scope, _receive: Receive, _send: Send) -> None:
        passed.append(scope["type"])

    recorder = Recorder()
    monitor = HttpMonitor(application, recorder, RequestsInFlight(), lambda _: "never")

    async def nothing(*_: Message) -> Message:
        return {}

    async def pass_by() -> None:
        for kind in ("lifespan", "websocket"):
            await monitor({"type": kind}, nothing, nothing)  # type: ignore[arg-type]

    asyncio.run(pass_by())
    assert passed == ["lifespan", "websocket"]
    assert figures_of(recorder).by_labels(metrics.HTTP_REQUESTS) == {}
