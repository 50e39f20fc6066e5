"""Workers that make themselves known to the sidecar beside them."""

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
"""Seconds between two cards of a worker."""

_STALE = 15.0
"""Seconds after which a worker that still has its processes is taken to hang."""


class WorkerState(BaseModel):
    """What a worker knows of itself.

    Attributes:
        queues: The queues it consumes.
        active: Tasks that its processes run.
        children: The process ids of its pool, by slot.
    """

    model_config = ConfigDict(frozen=True)

    queues: tuple[str, ...]
    active: int
    children: dict[int, int]


class Heartbeat(BaseModel):
    """A worker as it presented itself last.

    Attributes:
        name: The name it has taken in the directory.
        hostname: Its Celery node name.
        written_at: When, in seconds since the epoch.
        stopped: Whether it has ended in an orderly way.
        state: What it knows of itself.
        processes: What its processes take of the machine.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    hostname: str
    written_at: float
    stopped: bool
    state: WorkerState
    processes: tuple[ProcessStats, ...]


class Worker(BaseModel):
    """A worker as others see it.

    Attributes:
        heartbeat: What it said of itself.
        alive: Whether its processes run and it still presents itself.
    """

    model_config = ConfigDict(frozen=True)

    heartbeat: Heartbeat
    alive: bool

    @property
    def died(self) -> bool:
        """Whether it ended, or hangs, without having been told to."""
        return not self.alive and not self.heartbeat.stopped


@contextmanager
def publishing_heartbeat(
    directory: Path, name: str, hostname: str, state: Callable[[], WorkerState]
) -> Iterator[None]:
    """Present this worker every second, for as long as the context lasts.

    Args:
        directory: Where figures are kept.
        name: The name taken in it.
        hostname: The Celery node name.
        state: Tells what the worker knows of itself; called from a thread.
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
    """All workers that ever presented themselves in a directory, by name."""
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
