"""What tests of real processes need."""

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
    """Stop a process, as if it hung, for as long as the context lasts.

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
    """The states of a process's threads: the signal reaches one first, others go on for a moment.

    Only Linux tells of each thread; elsewhere the state is that of the process.
    """
    threads = psutil.Process(pid).threads() if sys.platform == "linux" else []
    return {psutil.Process(each.id).status() for each in threads} or {psutil.Process(pid).status()}


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    return [child.pid for child in psutil.Process(pid).children() if is_alive(child.pid)]


def descendants_of(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have started, and so on."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
