"""The directory in which the processes of one machine keep their figures.

Its files outlast the processes that write them, so that no counter falls when one is replaced.
Locks, which the kernel releases however a process ends, tell who is alive.
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
"""Seconds to wait for the children of a worker that has just died, and for those who look."""


@contextmanager
def joined(directory: Path) -> Iterator[None]:
    """Take part in a directory, which is made and, if nobody else takes part, emptied first."""
    directory.mkdir(parents=True, exist_ok=True)
    with _opened(directory / "members.lock") as lock:
        if _try(lock, fcntl.LOCK_EX):
            _empty(directory)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def claimed(directory: Path, name: str) -> Iterator[str]:
    """Take a name that no other living process of the directory has.

    It is held by the processes forked from this one as well, until the last of them has ended, so
    that nobody else writes to their files.

    Args:
        directory: Where figures are kept.
        name: The name; if it is taken, `-2`, `-3` … are put behind it.

    Yields:
        The name taken.
    """
    for number in count(1):
        wanted = name if number == 1 else f"{name}-{number}"
        with _opened(_lock_of(directory, wanted)) as lock:
            if _try(lock, fcntl.LOCK_EX, _LOCK_TIMEOUT):
                yield wanted
                return


def is_claimed(directory: Path, name: str) -> bool:
    """Whether a living process has taken a name."""
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
