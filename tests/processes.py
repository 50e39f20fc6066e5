"""Helpers for tests with real processes."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.timing import wait_for, wait_until

__all__ = ["ROOT", "children_of", "descendants_of", "frozen", "is_alive", "wait_for", "wait_until"]

ROOT = Path(__file__).parents[1]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freeze a process with SIGSTOP, as if it hung, while the context is active.

    The process may be killed meanwhile.
    """
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: _states(pid) == {psutil.STATUS_STOPPED})
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _states(pid: int) -> set[str]:
    """The states of a process's threads: a signal reaches one thread first, the others later.

    Only Linux reports each thread; elsewhere this is the state of the process.
    """
    threads = psutil.Process(pid).threads() if sys.platform == "linux" else []
    return {psutil.Process(each.id).status() for each in threads} or {psutil.Process(pid).status()}


def children_of(pid: int) -> list[int]:
    """The running child processes of a process."""
    return [child.pid for child in psutil.Process(pid).children() if is_alive(child.pid)]


def descendants_of(pid: int) -> list[int]:
    """All descendants of a process."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
