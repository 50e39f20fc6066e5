"""Metrics while a worker's children are replaced."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from monitoring import metrics
from monitoring.metrics.directory import joined
from monitoring.metrics.recording import RecordedMetrics
from tests.monitoring.figures import Figures, figures_of
from tests.monitoring.plain_worker import NOTHING, create, plain_worker
from tests.processes import wait_until
from worker.local.embedded.servers import EmbeddedServers
from worker.local.processes.child import Child, stop_all

_RECYCLES = 500 if os.environ.get("CHAOS") == "long" else 150
_CONCURRENCY = 8
"""Celery's pool replaces ended processes only every 0.8 seconds, so many run at once."""

Key = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Celery]:
    with EmbeddedServers(tmp_path / "valkey", {"valkey"}) as servers:
        yield create(servers["REDIS_URL"])


@pytest.mark.long
def test_figures_stay_few_and_never_fall(app: Celery, tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    with joined(directory):
        options = (f"--concurrency={_CONCURRENCY}", "--max-tasks-per-child=1")
        worker = plain_worker(app, directory, "churn", *options)
        for _ in range(_RECYCLES):
            app.send_task(NOTHING, queue=NOTHING)
        worker.start()
        try:
            watch(directory, worker)
        finally:
            stop_all([worker], 10)
        found = figures_of(RecordedMetrics(directory))
        assert succeeded(found) == _RECYCLES
        files = list(directory.glob("*.db"))
        assert len(files) <= 2 * _CONCURRENCY + 4
        assert sum(file.stat().st_size for file in files) <= len(files) * 65_536


def watch(directory: Path, worker: Child) -> None:
    last: dict[Key, float] = {}

    def done() -> bool:
        nonlocal last
        worker.check()
        found = figures_of(RecordedMetrics(directory))
        fallen = {key for key, value in last.items() if found.samples.get(key, 0) < value}
        assert not fallen
        last = found.samples
        return succeeded(found) == _RECYCLES

    wait_until(done, 150, interval=0.2)


def succeeded(found: Figures) -> float:
    return sum(found.counts(metrics.CELERY_RUNTIME).values())
