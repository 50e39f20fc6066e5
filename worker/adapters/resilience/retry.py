"""How patiently a provider is asked. The only home of stamina."""

import logging
import random
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import stamina
from stamina.instrumentation import set_on_retry_hooks

from tasks.errors import CircuitOpen, Transient
from tasks.lease import check_lease, elapsed
from tasks.signals import ProviderRetried, provider_retried

log = logging.getLogger(__name__)

A = TypeVar("A")

_FIRST_DELAY = 0.5
"""Seconds before the second attempt, at most; doubles with each further one."""

_MAX_DELAY = 30.0
"""Seconds before any attempt, at most, where the server asks for no more."""

# By default stamina counts in Prometheus' global registry, where our figures are not.
set_on_retry_hooks(())


class StaminaRetry:
    """A `RetryPolicy` within a budget of attempts and seconds.

    Attempts are apart by exponential back-off with full jitter (Brooker, AWS Architecture Blog,
    2015); the time for which a server asks to be left alone comes on top. Where it asks for more
    than is left of the budget, nobody waits for it. A run that has lost its lease, or is about to
    come to its time limit, does not ask again.

    Args:
        attempts: How often a question is asked, the first time among them.
        seconds: After how many of them no further attempt begins.
        time_limit: Seconds that a stage may take in all.
    """

    def __init__(self, *, attempts: int, seconds: float, time_limit: float) -> None:
        self._attempts = attempts
        self._seconds = seconds
        self._time_limit = time_limit

    def __call__(self, provider: str, question: Callable[[], A]) -> A:
        """Ask; see `RetryPolicy`."""
        deadline = monotonic() + min(self._seconds, self._time_limit - elapsed())
        failed: list[Transient] = []

        def delay(error: Exception) -> float | bool:
            if not isinstance(error, Transient) or isinstance(error, CircuitOpen):
                return False
            failed.append(error)
            wait = _delay(len(failed)) + (error.retry_after or 0.0)
            return wait if monotonic() + wait <= deadline else False

        for attempt in stamina.retry_context(delay, attempts=self._attempts, timeout=None):
            check_lease()
            if failed:
                log.info("%s is asked again: %s", provider, failed[-1].message)
                provider_retried.send(ProviderRetried(provider, failed[-1].code))
            with attempt:
                return question()
        raise AssertionError("unreachable")


def _delay(failed: int) -> float:
    longest = min(_MAX_DELAY, _FIRST_DELAY * 2.0 ** (failed - 1))
    return random.uniform(0, longest)  # noqa: S311 - jitter is no secret
