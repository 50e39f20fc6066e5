"""Celery workers, from their heartbeats."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.collectors.processes import usage
from monitoring.heartbeats import Worker, known_workers
from tasks.pipeline.queues import QUEUES


class WorkerCollector(Collector):
    """Which workers are alive, what they run, which queues they consume, and what they use.

    A stopped worker is reported as 0 for five minutes, a dead one until another worker takes its
    slot, or for a day.

    Args:
        directory: The metrics directory.
        can_write: Whether this process can write to the directory (`known_workers`).
        is_open: Whether a new worker could. If not, one that runs may be missing here.

    Attributes:
        seen: The workers that were found last.
    """

    def __init__(
        self,
        directory: Path,
        can_write: Callable[[], bool] = lambda: True,
        is_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._directory = directory
        self._can_write = can_write
        self._is_open = is_open
        self.seen: Sequence[Worker] = ()

    def collect(self) -> Iterator[Metric]:
        """Read the heartbeats of all workers once.

        Raises:
            OSError: The directory cannot be read.
        """
        can_write = self._can_write()
        self.seen = found = known_workers(self._directory, can_write=can_write)
        is_complete = can_write and self._is_open() and not any(map(_serves_unknown, found))
        yield from _consumers(found, is_complete=is_complete)
        yield _recording(found)
        yield from usage(
            process
            for worker in found
            if worker.heartbeat and worker.runs and not worker.silent
            for process in worker.heartbeat.processes
        )


def _consumers(workers: Iterable[Worker], *, is_complete: bool) -> Iterator[Metric]:
    # Two workers of a host may have the same node name.
    alive: Counter[str] = Counter()
    active: Counter[str] = Counter()
    # A queue without a worker is reported as 0: no series would look like an unknown value, which
    # it is if there may be workers that are not known.
    queues = dict.fromkeys(QUEUES, 0) if is_complete else {}
    served, processes = Counter(queues), Counter(queues)
    for worker in workers:
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


def _recording(workers: Iterable[Worker]) -> Metric:
    """Whether each process of the workers can store its metrics.

    A running worker whose heartbeat is missing cannot: it has the name of its slot if its own is
    not known.
    """
    processes: dict[str, bool] = {}
    for worker in workers:
        for process, is_recording in _recording_of(worker).items():
            # Workers without a heartbeat may share a name.
            processes[process] = processes.get(process, True) and is_recording
    found = family(metrics.RECORDING_UP)
    for process, is_recording in processes.items():
        found.add((process,), is_recording)
    return found


def _recording_of(worker: Worker) -> dict[str, bool]:
    if worker.silent:
        return {(worker.hostname or worker.slot).partition("@")[0]: False}
    return worker.heartbeat.recording if worker.heartbeat and worker.runs else {}


def _serves_unknown(worker: Worker) -> bool:
    """Whether a worker runs that could not write a heartbeat, so that its queues are not known."""
    return worker.alive and worker.heartbeat is None


def _active(worker: Worker) -> int:
    state = worker.heartbeat.state if worker.heartbeat else None
    return state.active if state and worker.alive else 0


def _processes(worker: Worker) -> int:
    state = worker.heartbeat.state if worker.heartbeat else None
    return max(1, len(state.children)) if state and worker.alive else 0
