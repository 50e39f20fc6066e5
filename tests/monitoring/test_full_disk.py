"""Metrics on a full, damaged or missing directory: the work goes on, and the figures come back."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis

from monitoring import metrics
from monitoring.collectors.recording import RecordingCollector
from monitoring.collectors.workers import WorkerCollector
from monitoring.metrics.recording import RecordedMetrics, Recorder
from tests.monitoring.figures import figures_of
from tests.monitoring.plain_worker import NOTHING, create, plain_worker
from tests.processes import children_of, wait_for, wait_until
from worker.local.embedded.servers import EmbeddedServers
from worker.local.processes.child import Child


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Celery]:
    with EmbeddedServers(tmp_path_factory.mktemp("valkey"), {"valkey"}) as servers:
        yield create(servers["REDIS_URL"])


@contextmanager
def small_disk(place: Path, options: str = "size=1m") -> Iterator[Path]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("NO DISK CAN BE MADE FULL HERE: mounting is not allowed")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    return ballast


@contextmanager
def working(app: Celery, directory: Path, log: Path) -> Iterator[Child]:
    app.control.purge()
    worker = plain_worker(app, log / "metrics", "full", "--concurrency=2")
    program = [str(directory) if one == str(log / "metrics") else one for one in worker._argv]
    worker._argv = program
    worker.start()
    try:
        wait_until(lambda: app.control.ping(timeout=1), 30)
        yield worker
    finally:
        worker.terminate()
        wait_until(lambda: not worker.is_running, 30)


def run(app: Celery, times: int) -> None:
    for _ in range(times):
        app.send_task(NOTHING, queue=NOTHING)


def succeeded(directory: Path) -> float:
    found = figures_of(RecordedMetrics(directory))
    return sum(found.by_labels(metrics.CELERY_SUCCEEDED).values())


def recording(directory: Path) -> dict[tuple[str, ...], float]:
    found = figures_of(RecordingCollector(directory, Recorder("sidecar@x")))
    return found.by_labels(metrics.RECORDING_UP)


def done(app: Celery) -> bool:
    with Redis.from_url(app.conf.broker_url) as redis:
        return not redis.exists(NOTHING, "unacked")


def test_a_disk_that_is_full_from_the_start_loses_no_figures(app: Celery, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        ballast = fill(disk)
        directory = disk / "metrics"
        with working(app, directory, tmp_path) as worker:
            before = set(children_of(worker.pid))
            run(app, 20)
            wait_until(lambda: done(app))
            wait_until(lambda: recording(directory).get(("worker-1",)) == 0)
            ballast.unlink()
            wait_for(lambda: succeeded(directory), 20, 20)
            wait_until(lambda: recording(directory).get(("full",)) == 1)
            assert set(children_of(worker.pid)) == before
    log = (tmp_path / "full.log").read_text()
    assert log.count("metrics are kept in memory") >= 1


def test_a_disk_that_fills_up_does_not_end_a_worker(app: Celery, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        directory = disk / "metrics"
        with working(app, directory, tmp_path) as worker:
            run(app, 10)
            wait_for(lambda: succeeded(directory), 10, 20)
            before = set(children_of(worker.pid))
            fill(disk)
            run(app, 10)
            # All blocks are allocated, so that figures and heartbeats go on.
            wait_for(lambda: succeeded(directory), 20, 20)
            ups = figures_of(WorkerCollector(directory)).by_labels(metrics.CELERY_WORKER_UP)
            assert set(ups.values()) == {1}
            assert set(children_of(worker.pid)) == before


def test_a_directory_that_is_removed_comes_back_with_all_figures(
    app: Celery, tmp_path: Path
) -> None:
    directory = tmp_path / "figures"
    with working(app, directory, tmp_path):
        run(app, 10)
        wait_for(lambda: succeeded(directory), 10, 20)
        shutil.rmtree(directory)
        run(app, 5)
        wait_until(directory.exists)
        wait_for(lambda: succeeded(directory), 15, 20)


def damage(path: Path, how: str) -> None:
    if how == "truncated":
        os.truncate(path, 100)
    elif how == "garbage":
        path.write_bytes(os.urandom(5000))
    else:
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("how", ["truncated", "garbage", "directory"])
def test_damaged_files_are_set_aside_and_written_anew(
    app: Celery, tmp_path: Path, how: str
) -> None:
    directory = tmp_path / "figures"
    with working(app, directory, tmp_path) as worker:
        run(app, 10)
        wait_for(lambda: succeeded(directory), 10, 20)
        before = set(children_of(worker.pid))
        for path in (*directory.glob("*.db"), *directory.glob("*.heartbeat")):
            damage(path, how)
        wait_for(lambda: succeeded(directory), 10, 20)
        run(app, 5)
        wait_for(lambda: succeeded(directory), 15, 20)
        wait_until(lambda: recording(directory).get(("full",)) == 1)
        assert set(children_of(worker.pid)) == before
        assert list(directory.glob("*.damaged"))
