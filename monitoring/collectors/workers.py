"""Celery workers, from their heartbeats."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.heartbeats import Worker, known_workers
from tasks.pipeline.queues import QUEUES


class WorkerCollector(Collector):
    """Which workers are alive, what they run, and which queues they consume.

    A stopped worker is reported as 0 for five minutes, a dead one until another worker takes its
    slot, or for a day.

    Args:
        directory: The metrics directory.
        can_write: Whether this process can write to the directory (`known_workers`).
    """

    def __init__(self, directory: Path, can_write: Callable[[], bool] = lambda: True) -> None:
        self._directory = directory
        self._can_write = can_write

    def collect(self) -> Iterator[Metric]:
        """Read the heartbeats of all workers."""
        # Two workers of a host may have the same node name.
        alive: Counter[str] = Counter()
        active: Counter[str] = Counter()
        # A queue without a worker is reported as 0: no series would look like an unknown value.
        served = Counter(dict.fromkeys(QUEUES, 0))
        processes = Counter(dict.fromkeys(QUEUES, 0))
        for worker in known_workers(self._directory, can_write=self._can_write()):
            if worker.hostname is not None:
                alive[worker.hostname] += worker.alive
                active[worker.hostname] += _active(worker)
            for queue in worker.queues:
                served[queue] += worker.alive
                processes[queue] += _processes(worker)
        up = Counter({hostname: min(1, count) for hostname, count in alive.items()})
        for definition, counts in (
            (metrics.CELERY_WORKER_UP, up),
            (metrics.CELERY_TASKS_ACTIVE, active),
            (metrics.CELERY_CONSUMERS, served),
            (metrics.CELERY_WORKERS, served),
            (metrics.CELERY_PROCESSES, processes),
        ):
            found = family(definition)
            for label, count in counts.items():
                found.add((label,), count)
            yield found


def _active(worker: Worker) -> int:
    state = worker.heartbeat.state if worker.heartbeat else None
    return state.active if state and worker.alive else 0


def _processes(worker: Worker) -> int:
    state = worker.heartbeat.state if worker.heartbeat else None
    return max(1, len(state.children)) if state and worker.alive else 0
