"""What tests of real processes need."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


def wait_until(
    condition: Callable[[], object], timeout: float = 10, *, interval: float = 0.02
) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(interval)


def wait_for(ask: Callable[[], object], wanted: object, timeout: float = 10) -> None:
    """Ask again and again; if the wanted answer never comes, fail and tell the last one."""
    deadline = time.monotonic() + timeout
    while (answer := ask()) != wanted:
        assert time.monotonic() < deadline, f"waited in vain for {wanted}, not {answer}"
        time.sleep(0.02)


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
