"""A worker that counts tasks in a metrics directory, for tests that spoil the directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery
from redis import Redis

from monitoring import metrics
from monitoring.collectors.workers import WorkerCollector
from monitoring.metrics.recording import RecordedMetrics
from tests.monitoring.figures import Figures, figures_of
from tests.monitoring.plain_worker import NOTHING, plain_worker
from tests.processes import children_of, wait_for, wait_until
from worker.local.processes.child import Child

NAME = "full"


@dataclass
class Site:
    """A worker with two processes, and a reader of its metrics as in the sidecar."""

    app: Celery
    directory: Path
    worker: Child
    log: Path
    reader: RecordedMetrics = field(init=False)
    sent: int = 0

    def __post_init__(self) -> None:
        self.reader = RecordedMetrics(self.directory)
        self.before = 0.0

    def run(self, times: int) -> None:
        """Send tasks, and wait until all of them were processed."""
        self.sent += times
        for _ in range(times):
            self.app.send_task(NOTHING, queue=NOTHING)
        wait_until(self._is_idle, 30)

    def counted(self) -> float:
        """The tasks that succeeded, by the metrics; a counter never falls."""
        found = sum(self.read().by_labels(metrics.CELERY_SUCCEEDED).values())
        assert found >= self.before
        self.before = found
        return found

    def counted_anew(self) -> float:
        """The same, by a reader that did not know the metrics before."""
        return Site(self.app, self.directory, self.worker, self.log).counted()

    def read(self) -> Figures:
        return figures_of(self.reader)

    def counts_all(self) -> None:
        """Wait until the metrics have all tasks."""
        wait_for(self.counted, self.sent, 20)

    def recording(self) -> dict[tuple[str, ...], float]:
        return self.workers().by_labels(metrics.RECORDING_UP)

    def workers(self) -> Figures:
        return figures_of(WorkerCollector(self.directory))

    def says(self, text: str) -> int:
        return self.log.read_text().count(text)

    def _is_idle(self) -> bool:
        with Redis.from_url(self.app.conf.broker_url) as redis:
            return not redis.exists(NOTHING, "unacked")


@contextmanager
def working(app: Celery, directory: Path, log: Path, *command: str) -> Iterator[Site]:
    app.control.purge()
    worker = plain_worker(app, directory, NAME, "--concurrency=2", log=log, command=command)
    worker.start()
    try:
        wait_until(lambda: app.control.ping(timeout=1), 30)
        children = set(children_of(worker.pid))
        yield Site(app, directory, worker, log / f"{NAME}.log")
        assert set(children_of(worker.pid)) == children, "a process of the worker was replaced"
    finally:
        worker.terminate()
        wait_until(lambda: not worker.is_running, 30)
        worker.kill()
