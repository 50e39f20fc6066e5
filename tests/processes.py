"""What tests of real processes need."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.timing import wait_for, wait_until

__all__ = ["ROOT", "children_of", "frozen", "is_alive", "wait_for", "wait_until"]

ROOT = Path(__file__).parents[1]


def is_alive(pid: int) -> bool:
    try:
        return _state(Path(f"/proc/{pid}")) != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process, as if it hung, for as long as the context lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        # The signal reaches one thread first; the others may go on for a moment.
        wait_until(lambda: {_state(each) for each in Path(f"/proc/{pid}/task").iterdir()} == {"T"})
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _state(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[0]


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [child for child in map(int, text.split()) if is_alive(child)]
