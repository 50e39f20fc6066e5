"""Time limits of tests, scaled to the speed of the machine.

All limits are given for an ordinary machine. A wait ends as soon as its condition holds, so the
limit only separates a slow machine from a hang: it is five times the expected time.
`TEST_TIME_SCALE=4` multiplies all limits by four, for a slower machine.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE = 5

SCALE = float(os.environ.get("TEST_TIME_SCALE", "1"))
"""The factor by which limits are longer than on an ordinary machine."""


def allowed(seconds: float) -> float:
    """Scale seconds on an ordinary machine to this machine."""
    return seconds * SCALE


def patience(seconds: float) -> float:
    """The timeout for something that takes an ordinary machine this many seconds."""
    return allowed(seconds) * _PATIENCE


@contextmanager
def within(seconds: float, *, before: float | None = None) -> Iterator[None]:
    """Fail if the context takes too long.

    Args:
        seconds: A generous limit on an ordinary machine.
        before: The seconds that it would take if it wrongly waited for something. The limit must be
            below that on every machine, or the test proves nothing.
    """
    limit = patience(seconds) if before is None else min(patience(seconds), before)
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < limit, f"it took {took:.2f} s, not {limit:g}{_advice()}"


def wait_until(
    condition: Callable[[], object], timeout: float = 10, *, interval: float = 0.02
) -> None:
    """Poll a condition until it holds; fail on a timeout."""
    deadline = time.monotonic() + patience(timeout)
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain{_advice()}"
        time.sleep(interval)


def wait_for(ask: Callable[[], object], wanted: object, timeout: float = 10) -> None:
    """Poll for an expected value; fail with the last value on a timeout."""
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
