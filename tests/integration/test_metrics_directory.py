"""The sidecar while its metrics directory is full, removed or without a worker."""

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from monitoring import metrics
from monitoring.heartbeats import HeartbeatWriter, WorkerState
from monitoring.metrics.directory import WORKER, Place
from monitoring.metrics.recording import Recorder
from tasks.pipeline.queues import QUEUES
from tests.compose import load
from tests.monitoring import disks
from tests.monitoring.figures import parsed, scraped
from tests.monitoring.plain_worker import create, plain_worker
from tests.sidecar import running
from tests.timing import patience, wait_for, wait_until
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port
from worker.settings import Settings

pytestmark = pytest.mark.slow

REQUESTS = ("/api/v1/interviews", "GET", "200")


@dataclass(frozen=True)
class Sidecar:
    process: Child
    url: str
    log: Path

    def ask(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", timeout=patience(10))

    def request(self, times: int) -> None:
        for _ in range(times):
            assert self.ask("/api/v1/interviews").status_code == 200

    def requests(self) -> float | None:
        return scraped(self.url).value(metrics.HTTP_REQUESTS, *REQUESTS)

    def recording(self) -> dict[str, float]:
        found = scraped(self.url).by_labels(metrics.RECORDING_UP)
        return {process: value for (process,), value in found.items()}

    def ready(self) -> tuple[int, list[str]]:
        answer = self.ask("/health/ready")
        return answer.status_code, answer.json()["reasons"]

    def says(self, text: str) -> int:
        return self.log.read_text().count(text)


@contextmanager
def sidecar(settings: Settings, place: Path) -> Iterator[Sidecar]:
    port = free_port()
    changed = settings.with_environment({"API_PORT": str(port)})
    url = f"http://127.0.0.1:{port}"
    with running("server", changed, place, f"{url}/health/live") as process:
        yield Sidecar(process, url, place / "server.log")


def test_a_full_disk_costs_the_sidecar_no_figure(settings: Settings, tmp_path: Path) -> None:
    with disks.small_disk(tmp_path / "disk") as disk:
        settings = settings.model_copy(update={"metrics_dir": disk / "metrics"})
        ballast = disks.fill(disk)
        with sidecar(settings, tmp_path) as found:
            found.request(3)
            wait_for(found.recording, {"sidecar": 0, "new": 0})
            assert found.requests() == 3
            ballast.unlink()
            wait_for(found.recording, {"sidecar": 1, "new": 1})
            assert found.requests() == 3
            ballast = disks.fill(disk)
            found.request(3)
            # Its own file has its blocks; that of another process could not be created.
            wait_for(found.recording, {"sidecar": 1, "new": 0})
            assert found.requests() == 6
            for _ in range(3):
                scraped(found.url)
            assert found.says("metrics are kept in memory") == 1
            assert found.says("metrics are stored again") == 1
            assert found.says("a new process could not store its metrics") == 2
            assert found.ask("/health").status_code == 200
        ballast.unlink()


def test_a_removed_directory_costs_the_sidecar_no_figure(
    settings: Settings, tmp_path: Path
) -> None:
    assert settings.metrics_dir is not None
    with sidecar(settings, tmp_path) as found:
        found.request(3)
        wait_for(found.recording, {"sidecar": 1, "new": 1})
        shutil.rmtree(settings.metrics_dir)
        assert found.requests() == 3
        wait_until(settings.metrics_dir.exists)
        wait_for(found.recording, {"sidecar": 1, "new": 1})
        assert found.requests() == 3
        assert found.ask("/health/ready").status_code == 200


def test_readiness_follows_the_workers_whatever_they_are_called(
    settings: Settings, tmp_path: Path
) -> None:
    assert settings.redis_url is not None
    assert settings.metrics_dir is not None
    app = create(settings.redis_url.get_secret_value())
    directory = settings.metrics_dir
    first, second = (
        plain_worker(app, directory, name, "--concurrency=1", log=tmp_path)
        for name in ("first", "second")
    )
    check = load()["services"]["sidecar"]["healthcheck"]["test"][-1]
    with sidecar(settings, tmp_path) as found:
        # Compose starts the worker when the sidecar is healthy, so without one it must be.
        assert "/health/live'" in check
        assert found.ask("/health/live").status_code == 200
        wait_for(found.ready, (200, []))
        try:
            first.start()
            wait_until(lambda: workers(found).get("first") == 1, 30)
            assert found.ready() == (200, [])
            first.kill()
            wait_until(lambda: found.ready()[0] == 503)
            (reason,) = found.ready()[1]
            assert reason.startswith("worker first@")
            assert found.ask("/health/live").status_code == 200
            second.start()
            wait_until(lambda: found.ready() == (200, []), 30)
            wait_for(lambda: workers(found), {"second": 1}, 30)
        finally:
            first.kill()
            second.kill()


def test_a_sidecar_that_starts_after_its_worker_died_is_ready(
    settings: Settings, tmp_path: Path
) -> None:
    assert settings.redis_url is not None
    assert settings.metrics_dir is not None
    app = create(settings.redis_url.get_secret_value())
    worker = plain_worker(app, settings.metrics_dir, "first", "--concurrency=1", log=tmp_path)
    with sidecar(settings, tmp_path) as found:
        try:
            worker.start()
            wait_until(lambda: workers(found).get("first") == 1, 30)
        finally:
            worker.kill()
        wait_until(lambda: found.ready()[0] == 503)
        found.process.kill()
    # As after a crash of the host: nobody is left who could have seen it.
    with sidecar(settings, tmp_path) as found:
        wait_for(found.ready, (200, []))


def workers(found: Sidecar) -> dict[str, float]:
    ups = scraped(found.url).by_labels(metrics.CELERY_WORKER_UP)
    return {name.partition("@")[0]: value for (name,), value in ups.items()}


class Opened:
    """The files that this process opens in a directory, each with the name of the thread."""

    def __init__(self, directory: Path) -> None:
        self.found: list[tuple[str, str]] = []
        self._directory = directory
        self._is_active = True
        # A hook cannot be removed.
        sys.addaudithook(self._hear)

    def stop(self) -> None:
        self._is_active = False

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and self._is_active and isinstance(arguments[0], str | Path):
            path = Path(arguments[0])
            if path.parent == self._directory:
                self.found.append((path.name, threading.current_thread().name))


@pytest.fixture
def worker(settings: Settings) -> Iterator[str]:
    """A worker, which is this process; its node name."""
    directory, name = settings.metrics_directory, "all@host"
    place = Place(directory, WORKER, name)
    place.check()
    assert place.slot == "worker-1"
    recorder = Recorder(name)
    recorder.write_to(directory, place.slot)
    state = WorkerState(queues=QUEUES, active=0, children={})
    HeartbeatWriter(directory, name).write(place.slot, "all", state, {"all": True})
    yield name
    place.leave()


def test_a_scrape_reads_each_file_once_and_within_its_limit(
    worker: str, client: TestClient, settings: Settings
) -> None:
    client.get("/metrics")
    opened = Opened(settings.metrics_directory)
    found = parsed(client.get("/metrics").text)
    opened.stop()
    assert found.value(metrics.CELERY_WORKER_UP, worker) == 1
    assert found.value(metrics.RECORDING_UP, "all") == 1
    assert found.value(metrics.PROCESS_MEMORY, "worker", "all")
    assert found.value(metrics.CELERY_RECEIVED, QUEUES[0], worker, QUEUES[0]) == 0
    names = [name for name, _ in opened.found]
    assert names.count("worker-1.heartbeat") == 1
    assert names.count("worker-1.db") == 1
    # The request waits a limited time for threads of `SingleFlight`, but not for its own.
    assert not [thread for _, thread in opened.found if thread.startswith("asyncio")]
