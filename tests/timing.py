"""How long things may take: the one place that knows how fast a machine is.

All figures are those of an ordinary machine. What a test waits for ends the wait as soon as it is
there, so the limit only tells a slow machine from one that hangs: it is five times the figure.
`TEST_TIME_SCALE=4` allows four times as long for everything, for a machine that is slower still.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE = 5

SCALE = float(os.environ.get("TEST_TIME_SCALE", "1"))
"""How much longer things may take than on an ordinary machine."""


def allowed(seconds: float) -> float:
    """The seconds that this machine is given for what an ordinary one does in so many."""
    return seconds * SCALE


def patience(seconds: float) -> float:
    """How long to wait at most for what an ordinary machine does in so many seconds."""
    return allowed(seconds) * _PATIENCE


@contextmanager
def within(seconds: float, *, before: float | None = None) -> Iterator[None]:
    """Fail if what is done in the context takes longer than it may.

    Args:
        seconds: What is generous on an ordinary machine.
        before: The seconds that it would take if it waited for what it must not wait for. It has
            to be faster than that on every machine, or nothing is proved.
    """
    limit = patience(seconds) if before is None else min(patience(seconds), before)
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < limit, f"it took {took:.2f} s, not {limit:g}{_advice()}"


def wait_until(
    condition: Callable[[], object], timeout: float = 10, *, interval: float = 0.02
) -> None:
    """Ask again and again whether something is so; if it never is, fail."""
    deadline = time.monotonic() + patience(timeout)
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain{_advice()}"
        time.sleep(interval)


def wait_for(ask: Callable[[], object], wanted: object, timeout: float = 10) -> None:
    """Ask again and again; if the wanted answer never comes, fail and tell the last one."""
    last: object = None

    def answered() -> bool:
        nonlocal last
        last = ask()
        return last == wanted

    try:
        wait_until(answered, timeout)
    except AssertionError as error:
        raise AssertionError(f"{error}, for {wanted}, not {last}") from None


def _advice() -> str:
    return f" (TEST_TIME_SCALE is {SCALE:g}; slow machines need more)"
