"""Every message that a worker receives is counted once, as started or as released."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import pools
from redis import Redis

from monitoring import metrics
from monitoring.collectors.workers import WorkerCollector
from monitoring.metrics.definitions import Metric
from monitoring.metrics.directory import joined
from monitoring.metrics.recording import RecordedMetrics
from tests.monitoring.figures import Figures, figures_of
from tests.monitoring.plain_worker import HOLD, NOTHING, create, plain_worker
from tests.monitoring.rabbitmq import rabbitmq_server
from tests.processes import children_of, frozen, wait_for, wait_until
from tests.requirements import needs
from worker.local.embedded.servers import EmbeddedServers
from worker.local.processes.child import Child

TOO_LATE = datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))
"""A time that falls in the year 10000 in another zone."""


@dataclass(frozen=True)
class Site:
    """A worker with one process, which prefetches more messages than it can run."""

    app: Celery
    directory: Path
    worker: Child
    log: Path
    gate: Path

    @property
    def process(self) -> int:
        """The process id of the pool's only process."""
        (child,) = children_of(self.worker.pid)
        return child

    def start(self) -> None:
        self.worker.start()
        self.wait(metrics.CELERY_WORKER_UP, 1)

    def send(self, task: str, **options: Any) -> str:
        arguments = [str(self.gate)] if task == HOLD else []
        return str(self.app.send_task(task, args=arguments, queue=task, **options).id)

    def fill(self) -> None:
        """Send four messages: one runs, and three prefetched ones wait."""
        for _ in range(4):
            self.send(HOLD)
        self.wait(metrics.CELERY_RECEIVED, 4)
        self.wait(metrics.CELERY_STARTED, 1)

    @contextmanager
    def handed_over(self) -> Iterator[str]:
        """Pass a second message to the child, which is frozen and cannot start it."""
        # The first message shows that the process is ready.
        self.send(NOTHING)
        self.wait(metrics.CELERY_SUCCEEDED, 1)
        with frozen(self.process):
            task_id = self.send(NOTHING)
            self.wait(metrics.CELERY_RECEIVED, 2)
            # The worker writes to its processes before it handles the next command.
            for _ in range(3):
                assert self.app.control.ping(timeout=10, limit=1)
            yield task_id

    def says(self, words: str) -> None:
        """Wait until the worker has logged a text since its last start."""
        wait_until(lambda: words in self.log.read_text(), 30)

    def ended(self) -> None:
        wait_until(lambda: not self.worker.is_running, 60)

    def settled(self, received: int, started: int, **released: int) -> None:
        """Wait until the metrics have these values, and check that they are consistent."""
        self.wait(metrics.CELERY_RECEIVED, received)
        self.wait(metrics.CELERY_STARTED, started)
        wait_for(self.released, released, 30)
        assert received == started + sum(released.values())

    def released(self) -> dict[str, float]:
        found = self._look().by_labels(metrics.CELERY_RELEASED)
        return {labels[-1]: value for labels, value in found.items()}

    def total(self, metric: Metric) -> float:
        return sum(self._look().by_labels(metric).values())

    def wait(self, metric: Metric, value: float) -> None:
        wait_for(lambda: self.total(metric), value, 30)

    def hostnames(self) -> set[str]:
        """The names of the workers that own the metrics."""
        found = self._look().by_labels(metrics.CELERY_RECEIVED)
        return {hostname.partition("@")[0] for _, hostname, _ in found}

    def _look(self) -> Figures:
        return figures_of(RecordedMetrics(self.directory), WorkerCollector(self.directory))


@contextmanager
def site(url: str, tmp_path: Path, *options: str) -> Iterator[Site]:
    app = create(url)
    app.control.purge()
    directory = tmp_path / "metrics"
    with joined(directory):
        worker = plain_worker(
            app,
            directory,
            "one",
            "--concurrency=1",
            "--prefetch-multiplier=8",
            "--loglevel=DEBUG",
            *options,
        )
        found = Site(app, directory, worker, tmp_path / "one.log", tmp_path / "gate")
        found.start()
        try:
            yield found
        finally:
            worker.kill()


def cut(url: str) -> None:
    """Close all connections to Valkey, and discard those of this process."""
    with Redis.from_url(url) as redis:
        redis.client_kill_filter(_type="normal", skipme=True)
    pools.reset()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedServers(tmp_path_factory.mktemp("valkey"), {"valkey"}) as servers:
        yield servers["REDIS_URL"]


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with rabbitmq_server(tmp_path_factory.mktemp("rabbitmq")) as (_, url):
        yield url


@pytest.fixture(params=["valkey", pytest.param("rabbitmq", marks=needs("rabbitmq-server", "epmd"))])
def broker(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, request.getfixturevalue(request.param)


def test_a_stop_releases_what_waits_and_it_is_received_again(
    broker: tuple[str, str], tmp_path: Path
) -> None:
    with site(broker[1], tmp_path) as found:
        found.fill()
        found.worker.terminate()
        found.says("Stopping Pool")
        found.gate.touch()
        found.ended()
        found.settled(received=4, started=1, shutdown=3)
        found.start()
        found.settled(received=7, started=4, shutdown=3)
        found.wait(metrics.CELERY_SUCCEEDED, 4)


def test_a_stop_that_breaks_work_off_releases_the_rest(valkey: str, tmp_path: Path) -> None:
    with site(valkey, tmp_path) as found:
        found.fill()
        os.kill(found.worker.pid, signal.SIGQUIT)
        found.ended()
        found.settled(received=4, started=1, shutdown=3)


def test_what_a_killed_worker_held_is_lost_to_the_next(
    broker: tuple[str, str], tmp_path: Path
) -> None:
    name, url = broker
    with site(url, tmp_path) as found:
        found.fill()
        os.kill(found.worker.pid, signal.SIGKILL)
        found.worker.kill()
        found.gate.touch()
        assert found.released() == {}
        found.start()
        # Redis keeps the messages of a dead worker until its visibility time-out expires.
        again = 4 if name == "rabbitmq" else 0
        found.settled(received=4 + again, started=1 + again, worker_lost=3)


def test_what_a_killed_worker_held_is_lost_to_one_of_another_name(
    valkey: str, tmp_path: Path
) -> None:
    with site(valkey, tmp_path) as found:
        found.fill()
        found.worker.kill()
        found.gate.touch()
        successor = plain_worker(found.app, found.directory, "two", "--concurrency=1")
        successor.start()
        try:
            found.wait(metrics.CELERY_WORKER_UP, 1)
            found.settled(received=4, started=1, worker_lost=3)
            for _ in range(3):
                found.send(NOTHING)
            found.settled(received=7, started=4, worker_lost=3)
            assert found.hostnames() == {"two"}
            # The first one comes back beside it. Its figures are the other's now.
            found.worker.start()
            found.wait(metrics.CELERY_WORKER_UP, 2)
            found.settled(received=7, started=4, worker_lost=3)
        finally:
            successor.kill()


def test_a_connection_that_is_lost_releases_what_waits(valkey: str, tmp_path: Path) -> None:
    with site(valkey, tmp_path) as found:
        found.fill()
        cut(valkey)
        # The running task is cancelled, and all messages are redelivered.
        found.wait(metrics.CELERY_RECEIVED, 8)
        found.gate.touch()
        found.settled(received=8, started=5, connection_lost=3)


def test_what_a_process_has_before_a_cut_is_started_when_it_takes_it_up(
    valkey: str, tmp_path: Path
) -> None:
    with site(valkey, tmp_path) as found:
        with found.handed_over():
            cut(valkey)
            found.wait(metrics.CELERY_RECEIVED, 3)
        found.settled(received=3, started=3)


def test_what_a_process_has_before_a_cut_is_released_when_it_is_killed(
    valkey: str, tmp_path: Path
) -> None:
    with site(valkey, tmp_path) as found:
        with found.handed_over():
            cut(valkey)
            found.wait(metrics.CELERY_RECEIVED, 3)
            os.kill(found.process, signal.SIGKILL)
        found.settled(received=3, started=2, connection_lost=1)


def test_a_stop_lets_a_process_finish_what_it_has_been_handed(
    broker: tuple[str, str], tmp_path: Path
) -> None:
    with site(broker[1], tmp_path) as found:
        with found.handed_over():
            found.worker.terminate()
            found.says("Stopping Pool")
        found.ended()
        found.settled(received=2, started=2)
        # The next worker does not count it again.
        found.start()
        found.send(NOTHING)
        found.settled(received=3, started=3)


def test_a_message_that_is_delayed_is_released_by_a_stop(valkey: str, tmp_path: Path) -> None:
    with site(valkey, tmp_path) as found:
        found.send(NOTHING, countdown=3600)
        found.wait(metrics.CELERY_RECEIVED, 1)
        found.worker.terminate()
        found.ended()
        found.settled(received=1, started=0, shutdown=1)


def test_what_is_revoked_or_expires_in_hand_is_released(valkey: str, tmp_path: Path) -> None:
    with site(valkey, tmp_path) as found:
        delayed = found.send(NOTHING, countdown=2)
        found.send(NOTHING, countdown=2, expires=1)
        found.wait(metrics.CELERY_RECEIVED, 2)
        found.app.control.revoke(delayed, reply=True)
        found.settled(received=2, started=0, revoked=2)
        assert found.total(metrics.CELERY_REVOKED) == 2


@pytest.mark.parametrize("terminate", [False, True])
def test_what_is_revoked_on_its_way_to_a_process_that_dies_is_released(
    valkey: str, tmp_path: Path, terminate: bool
) -> None:
    with site(valkey, tmp_path) as found:
        with found.handed_over() as handed:
            found.app.control.revoke(handed, terminate=terminate, reply=True)
            os.kill(found.process, signal.SIGKILL)
        found.settled(received=2, started=1, revoked=1)


def test_what_cannot_be_delayed_until_then_is_released(valkey: str, tmp_path: Path) -> None:
    with site(valkey, tmp_path) as found:
        found.send(NOTHING, eta=TOO_LATE)
        found.settled(received=1, started=0, rejected=1)


def test_what_was_on_its_way_to_a_process_that_dies_is_started_once(
    valkey: str, tmp_path: Path
) -> None:
    with site(valkey, tmp_path) as found:
        with found.handed_over():
            os.kill(found.process, signal.SIGKILL)
        found.settled(received=2, started=2)


def test_what_a_killed_process_ran_is_received_and_started_again(
    valkey: str, tmp_path: Path
) -> None:
    with site(valkey, tmp_path) as found:
        found.fill()
        os.kill(found.process, signal.SIGKILL)
        found.wait(metrics.CELERY_RECEIVED, 5)
        found.gate.touch()
        found.settled(received=5, started=5)


def test_a_pool_whose_processes_are_replaced_starts_all(valkey: str, tmp_path: Path) -> None:
    with site(valkey, tmp_path, "--max-tasks-per-child=2") as found:
        for _ in range(4):
            found.send(NOTHING)
        found.settled(received=4, started=4)


def test_what_cannot_be_called_is_started_and_fails(valkey: str, tmp_path: Path) -> None:
    with site(valkey, tmp_path) as found:
        found.app.send_task(NOTHING, queue=NOTHING, args=["one too many"])
        found.settled(received=1, started=1)
        found.wait(metrics.CELERY_FAILED, 1)
