"""Heartbeats, by which workers report to the sidecar through files."""

import os
import time
import zlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from monitoring.metrics.directory import WORKER, Slot, slots
from monitoring.metrics.files import (
    Damaged,
    allocate,
    is_at,
    open_locked,
    open_regular,
    set_aside,
)
from monitoring.processes import ProcessSampler, ProcessStats

INTERVAL = 1.0
"""Seconds between two heartbeats of a worker."""

STALE = 15.0
"""Seconds without a heartbeat after which a worker with live processes is considered hung."""

FORGET_STOPPED = 300.0
"""Seconds after which a worker that was stopped is no longer reported."""

FORGET_DIED = 86_400.0
"""Seconds after which a worker that died and was not replaced is no longer reported."""

UNREADY = 600.0
"""Seconds for which a dead worker whose queues nobody serves makes its host unready."""

_HALF = 32_768
_LARGEST = 16 * 1024 * 1024


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
        hostname: Its Celery node name.
        written_at: The time of the heartbeat, in seconds since the epoch.
        stopped: Whether it has shut down in an orderly way.
        state: Its state; None while it starts.
        processes: The resource usage of its processes.
        recording: Whether each of its processes can store its metrics, by name.
    """

    model_config = ConfigDict(frozen=True)

    hostname: str
    written_at: float
    stopped: bool
    state: WorkerState | None
    processes: tuple[ProcessStats, ...]
    recording: dict[str, bool]


class Condition(StrEnum):
    """The condition of a worker."""

    STARTING = "starting"
    ALIVE = "alive"
    STOPPED = "stopped"
    DIED = "died"
    """It crashed, was killed, or hangs."""


class Worker(BaseModel):
    """The sidecar's view of a worker.

    Attributes:
        slot: The name of its slot.
        hostname: Its Celery node name; None if it cannot be read.
        condition: Its condition.
        silent: Whether a live worker has not written a heartbeat in time.
        since: The time of its last sign of life, in seconds since the epoch.
        heartbeat: Its latest heartbeat; None if there is none.
    """

    model_config = ConfigDict(frozen=True)

    slot: str
    hostname: str | None
    condition: Condition
    silent: bool
    since: float
    heartbeat: Heartbeat | None

    @property
    def alive(self) -> bool:
        """Whether its processes run and its heartbeat is recent."""
        return self.condition is Condition.ALIVE

    @property
    def runs(self) -> bool:
        """Whether it is alive or starts."""
        return self.condition in (Condition.STARTING, Condition.ALIVE)

    @property
    def queues(self) -> Collection[str]:
        """The queues that it consumes, or has consumed, as far as known."""
        state = self.heartbeat.state if self.heartbeat else None
        return state.queues if state else ()


class HeartbeatFile:
    """The file to which a worker writes its heartbeats.

    It has two halves, which are written in turn, so that a reader always finds a complete one. All
    its blocks are allocated, so that heartbeats go on while the disk is full.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: int | None = None
        self._half = _HALF
        self._number = 0

    def write(self, path: Path, heartbeat: Heartbeat) -> None:
        """Write a heartbeat.

        Args:
            path: The path, which may change.
            heartbeat: The heartbeat.

        Raises:
            OSError: The file cannot be written.
            Damaged: Something else is in its place, and cannot be renamed.
        """
        if self._file is None or path != self._path or not is_at(self._file, path):
            self.close()
            self._file = self._open(path)
        self._number += 1
        line = _line(self._number, heartbeat.model_dump_json().encode())
        while len(line) > self._half:
            self._half *= 2
        allocate(self._file, 2 * self._half)
        os.pwrite(self._file, line.ljust(self._half), self._number % 2 * self._half)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, path: Path) -> int:
        try:
            file = open_locked(path)
        except Damaged:
            set_aside(path)
            file = open_locked(path)
        self._path = path
        self._number = max((number for number, _ in _records(_content(file))), default=0)
        return file


class HeartbeatWriter:
    """Writes the heartbeats of a worker.

    Args:
        directory: The metrics directory.
        hostname: The Celery node name.
    """

    def __init__(self, directory: Path, hostname: str) -> None:
        self._directory = directory
        self._hostname = hostname
        self._file = HeartbeatFile()
        self._sampler = ProcessSampler()

    def write(
        self,
        slot: str,
        label: str,
        state: WorkerState | None,
        recording: Mapping[str, bool],
        *,
        stopped: bool = False,
    ) -> None:
        """Write a heartbeat.

        Args:
            slot: The worker's slot.
            label: Its name in metrics.
            state: Its state; None while it starts.
            recording: Whether each of its processes can store its metrics, by name.
            stopped: Whether it is the last one.

        Raises:
            OSError: The file cannot be written.
            Damaged: Something else is in its place, and cannot be renamed.
        """
        heartbeat = Heartbeat(
            hostname=self._hostname,
            written_at=time.time(),
            stopped=stopped,
            state=state,
            processes=() if stopped else self._sample(label, state),
            recording=dict(recording),
        )
        self._file.write(_path_of(self._directory, slot), heartbeat)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _sample(self, label: str, state: WorkerState | None) -> tuple[ProcessStats, ...]:
        own = os.getpid()
        children = state.children if state else {}
        self._sampler.forget_all_but({own, *children.values()})
        samples = [
            self._sampler.sample(own, "worker", label),
            *(
                self._sampler.sample(pid, "child", child_label(label, number))
                for number, pid in children.items()
            ),
        ]
        return tuple(found for found in samples if found is not None)


def child_label(worker: str, number: int) -> str:
    """The name of a child process in metrics."""
    return f"{worker}-{number}"


def known_workers(directory: Path, *, can_write: bool = True) -> Sequence[Worker]:
    """The workers that own a slot in a directory, by slot.

    A dead worker whose slot has a new owner is not among them, nor one that has been dead for long.

    Args:
        directory: The metrics directory.
        can_write: Whether this process can write to the directory. If it cannot, workers cannot
            either, and a missing heartbeat says nothing about them.

    Raises:
        OSError: The directory cannot be read.
    """
    found = [
        _seen(directory, slot, can_write=can_write)
        for slot in slots(directory)
        if slot.kind == WORKER
    ]
    workers = [worker for worker in found if worker is not None]
    running = {one.hostname for one in workers if one.alive}
    # Children of a killed worker may hold its slot while the worker itself runs again in another.
    return [
        one for one in workers if one.condition is not Condition.DIED or one.hostname not in running
    ]


def _seen(directory: Path, slot: Slot, *, can_write: bool) -> Worker | None:
    heartbeat = _read(_path_of(directory, slot.name))
    if heartbeat is not None and heartbeat.hostname != slot.owner:
        heartbeat = None
    since = heartbeat.written_at if heartbeat else slot.claimed_at
    age = time.time() - since
    is_recent = heartbeat is not None and age < STALE
    condition = _condition(slot, heartbeat, is_hung=age >= STALE and can_write)
    limit = {Condition.STOPPED: FORGET_STOPPED, Condition.DIED: FORGET_DIED}.get(condition)
    if not slot.held and (slot.owner is None or (limit is not None and abs(age) > limit)):
        return None
    return Worker(
        slot=slot.name,
        hostname=slot.owner,
        condition=condition,
        silent=slot.held and not is_recent,
        since=since,
        heartbeat=heartbeat,
    )


def _condition(slot: Slot, heartbeat: Heartbeat | None, *, is_hung: bool) -> Condition:
    if heartbeat is None:
        # Each worker tries to write one as soon as it has a slot, but the disk may be full.
        return Condition.ALIVE if slot.held else Condition.DIED
    if heartbeat.stopped:
        return Condition.STOPPED
    if not slot.held or is_hung:
        return Condition.DIED
    return Condition.ALIVE if heartbeat.state else Condition.STARTING


def _path_of(directory: Path, slot: str) -> Path:
    return directory / f"{slot}.heartbeat"


def _read(path: Path) -> Heartbeat | None:
    try:
        file = open_regular(path, os.O_RDONLY)
    except (Damaged, OSError):
        return None
    try:
        records = _records(_content(file))
        _, text = max(records)
        return Heartbeat.model_validate_json(text)
    except (OSError, ValueError):
        # ValueError: there is no record, or it is of another version of this service.
        return None
    finally:
        os.close(file)


def _content(file: int) -> bytes:
    return os.pread(file, min(os.fstat(file).st_size, _LARGEST), 0)


def _line(number: int, text: bytes) -> bytes:
    return b"%08x %d %s\n" % (zlib.crc32(text), number, text)


def _records(content: bytes) -> list[tuple[int, bytes]]:
    """The complete heartbeats of a file, each with its number."""
    found = []
    for line in content.split(b"\n"):
        checksum, _, rest = line.strip(b" \0").partition(b" ")
        number, _, text = rest.partition(b" ")
        with suppress(ValueError):
            if int(checksum, 16) == zlib.crc32(text):
                found.append((int(number), text))
    return found


def unready_workers(workers: Sequence[Worker]) -> Sequence[str]:
    """The node names of dead workers whose queues no live worker serves.

    After ten minutes a dead worker no longer counts: whoever replaces it may wait for readiness.
    """
    served = {queue for worker in workers if worker.alive for queue in worker.queues}
    now = time.time()
    return [
        worker.hostname or worker.slot
        for worker in workers
        if worker.condition is Condition.DIED
        and abs(now - worker.since) < UNREADY
        and not served.issuperset(worker.queues)
    ]
