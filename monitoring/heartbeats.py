"""Heartbeats, by which workers report to the sidecar through files."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from monitoring.metrics.directory import is_claimed
from monitoring.processes import ProcessSampler, ProcessStats

_INTERVAL = 1.0
"""Seconds between two heartbeats of a worker."""

_STALE = 15.0
"""Seconds without a heartbeat after which a worker with live processes is considered hung."""


class WorkerState(BaseModel):
    """The state that a worker reports.

    Attributes:
        queues: The queues it consumes.
        active: Running tasks.
        children: The process ids of its pool, by slot.
    """

    model_config = ConfigDict(frozen=True)

    queues: tuple[str, ...]
    active: int
    children: dict[int, int]


class Heartbeat(BaseModel):
    """The latest heartbeat of a worker.

    Attributes:
        name: Its claimed name in the directory.
        hostname: Its Celery node name.
        written_at: The time of the heartbeat, in seconds since the epoch.
        stopped: Whether it has shut down in an orderly way.
        state: Its state.
        processes: The resource usage of its processes.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    hostname: str
    written_at: float
    stopped: bool
    state: WorkerState
    processes: tuple[ProcessStats, ...]


class Worker(BaseModel):
    """The sidecar's view of a worker.

    Attributes:
        heartbeat: Its latest heartbeat.
        alive: Whether its processes run and its heartbeat is recent.
    """

    model_config = ConfigDict(frozen=True)

    heartbeat: Heartbeat
    alive: bool

    @property
    def died(self) -> bool:
        """Whether it crashed or hangs, as opposed to an orderly shutdown."""
        return not self.alive and not self.heartbeat.stopped


@contextmanager
def publishing_heartbeat(
    directory: Path, name: str, hostname: str, state: Callable[[], WorkerState]
) -> Iterator[None]:
    """Publish a heartbeat every second for the duration of the context.

    Args:
        directory: The metrics directory.
        name: The claimed name of the worker.
        hostname: The Celery node name.
        state: Returns the worker's state; called from a thread.
    """
    stop = threading.Event()
    watch = ProcessSampler()

    def write(*, stopped: bool) -> None:
        now = state()
        heartbeat = Heartbeat(
            name=name,
            hostname=hostname,
            written_at=time.time(),
            stopped=stopped,
            state=now,
            processes=() if stopped else _sample(watch, name, now),
        )
        _replace(directory / f"{name}.json", heartbeat.model_dump_json())

    def run() -> None:
        while not stop.wait(_INTERVAL):
            write(stopped=False)

    write(stopped=False)
    thread = threading.Thread(target=run, name="presence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        write(stopped=True)


def known_workers(directory: Path) -> Sequence[Worker]:
    """All workers with a heartbeat in a directory, by name."""
    heartbeats = (_read(path) for path in sorted(directory.glob("*.json")))
    return [
        Worker(heartbeat=heartbeat, alive=_is_alive(directory, heartbeat))
        for heartbeat in heartbeats
        if heartbeat
    ]


def _is_alive(directory: Path, heartbeat: Heartbeat) -> bool:
    fresh = time.time() - heartbeat.written_at < _STALE
    return fresh and not heartbeat.stopped and is_claimed(directory, heartbeat.name)


def _sample(watch: ProcessSampler, name: str, state: WorkerState) -> tuple[ProcessStats, ...]:
    own = os.getpid()
    watch.forget_all_but({own, *state.children.values()})
    samples = [
        watch.sample(own, "worker", name),
        *(watch.sample(pid, "child", f"{name}-{slot}") for slot, pid in state.children.items()),
    ]
    return tuple(found for found in samples if found is not None)


def _replace(path: Path, text: str) -> None:
    written = path.with_suffix(".tmp")
    written.write_text(text)
    written.replace(path)


def _read(path: Path) -> Heartbeat | None:
    try:
        return Heartbeat.model_validate_json(path.read_text())
    except (FileNotFoundError, ValidationError):
        return None
