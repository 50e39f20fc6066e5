"""Known defects of celery-exporter that this service does not have.

Lengths of priority queues and unacknowledged messages are in `test_broker.py`.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from celery import Celery

from monitoring import metrics
from monitoring.collectors.workers import WorkerCollector
from monitoring.metrics.definitions import Metric
from monitoring.metrics.directory import joined
from monitoring.metrics.recording import RecordedMetrics
from tests.monitoring.figures import Figures, figures_of
from tests.monitoring.plain_worker import FAIL, HANG, HOLD, NOTHING, create, plain_worker
from tests.processes import wait_until
from worker.local.embedded.servers import EmbeddedServers
from worker.local.processes.child import Child, stop_all
from worker.telemetry.metrics import node_name


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Celery]:
    with EmbeddedServers(tmp_path_factory.mktemp("valkey"), {"valkey"}) as servers:
        yield create(servers["REDIS_URL"])


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "metrics"
    with joined(path):
        yield path


def look(directory: Path) -> Figures:
    return figures_of(RecordedMetrics(directory), WorkerCollector(directory))


def ups(directory: Path) -> dict[tuple[str, ...], float]:
    return look(directory).by_labels(metrics.CELERY_WORKER_UP)


@contextmanager
def working(app: Celery, directory: Path, *names: str, options: str = "") -> Iterator[list[Child]]:
    """Run workers with these names, each with two processes."""
    children = [
        plain_worker(app, directory, name, "--concurrency=2", *options.split()) for name in names
    ]
    with ExitStack() as stack:
        stack.callback(stop_all, children, 10)
        for child in children:
            child.start()
        wait_until(lambda: sum(ups(directory).values()) == len(names), 30)
        yield children


def total(directory: Path, metric: Metric, suffix: str = "") -> float:
    return sum(look(directory).by_labels(metric, suffix).values())


def reaches(directory: Path, metric: Metric, value: float) -> Callable[[], bool]:
    return lambda: total(directory, metric) == value


def test_all_workers_of_a_host_are_told_apart(app: Celery, directory: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with working(app, directory, "one", "two") as (first, _):
        for _ in range(4):
            app.send_task(HOLD, args=[str(gate)], queue=HOLD)
        wait_until(reaches(directory, metrics.CELERY_TASKS_ACTIVE, 4), 20)
        active = look(directory).by_labels(metrics.CELERY_TASKS_ACTIVE)
        assert active == {(node_name("one"),): 2, (node_name("two"),): 2}
        served = look(directory).by_labels(metrics.CELERY_WORKERS)
        assert served[HOLD,] == 2
        os.kill(first.pid, signal.SIGKILL)
        first.kill()
        expected = {(node_name("one"),): 0.0, (node_name("two"),): 1.0}
        wait_until(lambda: ups(directory) == expected)
        gate.touch()
        wait_until(reaches(directory, metrics.CELERY_TASKS_ACTIVE, 0), 20)
        # It is still reported as down, so that an alert can fire.
        assert ups(directory) == expected
    assert set(ups(directory).values()) == {0}


def test_nothing_is_lost_while_nobody_looks(app: Celery, directory: Path) -> None:
    with working(app, directory, "one"):
        for _ in range(20):
            app.send_task(NOTHING, queue=NOTHING)
        wait_until(reaches(directory, metrics.CELERY_SUCCEEDED, 20), 20)
    found = look(directory)
    labels = (NOTHING, node_name("one"), NOTHING)
    assert found.value(metrics.CELERY_SUCCEEDED, *labels) == 20
    # The queue's name and the wait are available without publishers' events.
    assert found.value(metrics.CELERY_STARTED, *labels) == 20
    assert found.count(metrics.CELERY_QUEUE_WAIT, *labels) == 20
    assert found.value(metrics.CELERY_RECEIVED, *labels) == 20


def test_errors_go_by_their_nearest_known_class(app: Celery, directory: Path) -> None:
    with working(app, directory, "one"):
        app.send_task(FAIL, queue=FAIL)
        wait_until(reaches(directory, metrics.CELERY_FAILED, 1), 20)
    labels = (FAIL, node_name("one"), FAIL, "Permanent")
    assert look(directory).value(metrics.CELERY_FAILED, *labels) == 1


def test_what_runs_into_its_hard_limit_has_failed(app: Celery, directory: Path) -> None:
    with working(app, directory, "one"):
        app.send_task(HANG, queue=HANG, soft_time_limit=1, time_limit=2)
        wait_until(reaches(directory, metrics.CELERY_FAILED, 1), 20)
        found = look(directory).by_labels(metrics.CELERY_FAILED)
        assert found == {(HANG, node_name("one"), HANG, "TimeLimitExceeded"): 1}
        # The replacement of a killed child continues its metrics.
        app.send_task(NOTHING, queue=NOTHING)
        wait_until(reaches(directory, metrics.CELERY_SUCCEEDED, 1), 20)
