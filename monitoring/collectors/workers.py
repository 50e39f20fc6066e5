"""Celery workers, from their heartbeats."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.heartbeats import known_workers
from tasks.pipeline.queues import QUEUES


class WorkerCollector(Collector):
    """Which workers are alive, what they run, and which queues they consume.

    A stopped worker is reported as 0 until all processes on the machine have stopped.

    Args:
        directory: The metrics directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        """Read the heartbeats of all workers."""
        up, active = family(metrics.CELERY_WORKER_UP), family(metrics.CELERY_TASKS_ACTIVE)
        # A queue without a worker is reported as 0: no series would look like an unknown value.
        served = Counter(dict.fromkeys(QUEUES, 0))
        processes = Counter(dict.fromkeys(QUEUES, 0))
        for worker in known_workers(self._directory):
            card, state = worker.heartbeat, worker.heartbeat.state
            up.add((card.hostname,), worker.alive)
            active.add((card.hostname,), state.active if worker.alive else 0)
            for queue in state.queues:
                served[queue] += worker.alive
                processes[queue] += max(1, len(state.children)) if worker.alive else 0
        yield from (up, active)
        for definition, counts in (
            (metrics.CELERY_CONSUMERS, served),
            (metrics.CELERY_WORKERS, served),
            (metrics.CELERY_PROCESSES, processes),
        ):
            found = family(definition)
            for queue, count in counts.items():
                found.add((queue,), count)
            yield found
