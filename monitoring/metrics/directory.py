"""The metrics directory, in which the processes of one machine store their metrics.

Files outlive the processes that write them, so that no counter decreases when a process is
replaced. File locks, which the kernel releases however a process ends, show which processes are
alive.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_LOCK_TIMEOUT = 1.0
"""Seconds to wait for a lock held by the children of a dead worker, or by a reader."""


@contextmanager
def joined(directory: Path) -> Iterator[None]:
    """Join a directory; it is created, and emptied if no other process has joined it."""
    directory.mkdir(parents=True, exist_ok=True)
    with _opened(directory / "members.lock") as lock:
        if _try(lock, fcntl.LOCK_EX):
            _empty(directory)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def claimed(directory: Path, name: str) -> Iterator[str]:
    """Claim a name that no other live process in the directory has.

    Processes forked from this one hold the claim as well, until the last of them ends, so that
    nobody else writes to their files.

    Args:
        directory: The metrics directory.
        name: The name; if it is taken, `-2`, `-3` … are appended.

    Yields:
        The claimed name.
    """
    for number in count(1):
        wanted = name if number == 1 else f"{name}-{number}"
        with _opened(_lock_of(directory, wanted)) as lock:
            if _try(lock, fcntl.LOCK_EX, _LOCK_TIMEOUT):
                yield wanted
                return


def is_claimed(directory: Path, name: str) -> bool:
    """Whether a live process has claimed a name."""
    with contextlib.suppress(FileNotFoundError):
        lock = os.open(_lock_of(directory, name), os.O_RDONLY)
        try:
            return not _try(lock, fcntl.LOCK_SH)
        finally:
            os.close(lock)
    return False


def _lock_of(directory: Path, name: str) -> Path:
    return directory / f"{name}.lock"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def _try(lock: int, kind: int, timeout: float = 0) -> bool:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        if path.suffix in {".db", ".json"}:
            path.unlink()
