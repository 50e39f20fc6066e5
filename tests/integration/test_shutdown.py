"""Stopping sidecars behind a load balancer, as real processes."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.sidecar import answers, running
from tests.timing import allowed, patience, wait_until, within
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port
from worker.settings import Settings

PATH = "/api/v1/interviews"
DELAY = allowed(3)
"""Seconds; long enough for a balancer that asks ten times a second."""

LONG = 600.0
"""Seconds; longer than any test."""

pytestmark = pytest.mark.slow


@dataclass
class Sidecar:
    url: str
    child: Child

    def is_ready(self) -> bool:
        return answers(f"{self.url}/health/ready")

    def is_listening(self) -> bool:
        try:
            httpx2.get(f"{self.url}/health/live", trust_env=False)
        except httpx2.ConnectError:
            return False
        return True

    def stop(self) -> None:
        self.child.terminate()
        wait_until(lambda: not self.child.is_running, 30)


@contextmanager
def sidecar(settings: Settings, place: Path, delay: float) -> Iterator[Sidecar]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "API_PORT": str(port),
        "METRICS_DIR": str(place / "metrics"),
        "SHUTDOWN_DELAY": str(delay),
    }
    changed = settings.with_environment(environment)
    with running("server", changed, place, f"{url}/health/ready") as child:
        yield Sidecar(url, child)


@dataclass
class Balancer:
    """Sends requests to the sidecars that are ready, and never repeats one.

    Attributes:
        sidecars: All sidecars.
        statuses: The statuses of the responses.
        failures: The requests without a response.
    """

    sidecars: list[Sidecar]
    statuses: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    ready: list[Sidecar] = field(default_factory=list)

    def watch(self) -> None:
        while not self.over.wait(0.1):
            self.ready = [one for one in self.sidecars if one.is_ready()]

    def send(self) -> None:
        with httpx2.Client(trust_env=False, timeout=patience(10)) as client:
            for turn in itertools.count():
                ready = self.ready
                if self.over.wait(0.05):
                    return
                try:
                    answer = client.get(ready[turn % len(ready)].url + PATH)
                except httpx2.HTTPError as error:
                    self.failures.append(repr(error))
                else:
                    self.statuses.append(answer.status_code)


@contextmanager
def load(sidecars: list[Sidecar]) -> Iterator[Balancer]:
    balancer = Balancer(sidecars, ready=sidecars)
    jobs = (balancer.watch, balancer.send, balancer.send, balancer.send)
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield balancer
    finally:
        balancer.over.set()
        for thread in threads:
            thread.join()


def test_rolling_restart_loses_no_request(settings: Settings, tmp_path: Path) -> None:
    with ExitStack() as stack:
        sidecars = [
            stack.enter_context(sidecar(settings, tmp_path / name, DELAY)) for name in ("a", "b")
        ]
        with load(sidecars) as balancer:
            for one in sidecars:
                served = len(balancer.statuses)
                wait_until(lambda served=served: len(balancer.statuses) > served + 10)  # type: ignore[misc]
                one.stop()
                assert one.child.exit_code() == 0
                one.child.start()
                wait_until(lambda one=one: one in balancer.ready, 30)  # type: ignore[misc]
    assert balancer.failures == []
    assert set(balancer.statuses) == {200}


def test_sidecar_serves_without_being_ready_until_the_delay_is_over(
    settings: Settings, tmp_path: Path
) -> None:
    with sidecar(settings, tmp_path, LONG) as one:
        one.child.terminate()
        wait_until(lambda: not one.is_ready())
        ready = httpx2.get(f"{one.url}/health/ready", trust_env=False)
        assert ready.status_code == 503
        assert ready.json() == {"status": "down", "reasons": ["shutting down"]}
        assert answers(f"{one.url}/health/live")
        answer = httpx2.get(f"{one.url}{PATH}", trust_env=False)
        assert answer.status_code == 200
        # Clients with a connection of their own move to another host.
        assert answer.headers["connection"] == "close"
        # A second signal.
        with within(5, before=LONG):
            one.stop()
        assert one.child.exit_code() != 0


def test_request_in_flight_is_finished_after_the_port_is_closed(
    settings: Settings, tmp_path: Path
) -> None:
    with sidecar(settings, tmp_path, 0) as one:

        def body() -> Iterator[bytes]:
            yield b"{"
            one.child.terminate()
            wait_until(lambda: not one.is_listening())
            yield b"}"

        answer = httpx2.post(
            f"{one.url}{PATH}",
            content=body(),
            headers={"content-type": "application/json"},
            timeout=patience(20),
            trust_env=False,
        )
        assert answer.status_code == 422
        wait_until(lambda: not one.child.is_running, 30)
        assert one.child.exit_code() == 0
