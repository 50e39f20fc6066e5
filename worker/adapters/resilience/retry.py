"""Retries of calls to providers. stamina is imported only here."""

import logging
import random
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import stamina
from stamina.instrumentation import set_on_retry_hooks
from typing_extensions import override

from tasks.errors import CircuitOpen, Transient
from tasks.lease import check_lease, elapsed
from tasks.providers.chain import RetryPolicy
from tasks.signals import ProviderRetried, provider_retried

log = logging.getLogger(__name__)

A = TypeVar("A")

_FIRST_DELAY = 0.5
"""The maximum delay before the second attempt, in seconds; doubles with each further one."""

_MAX_DELAY = 30.0
"""The maximum delay before any attempt, in seconds, unless the server asks for more."""

# By default, stamina counts in Prometheus' global registry, which we do not expose.
set_on_retry_hooks(())


class StaminaRetry(RetryPolicy):
    """A `RetryPolicy` with a maximum number of attempts and a maximum time.

    The delay before a retry is exponential back-off with full jitter (Brooker, AWS Architecture
    Blog, 2015), plus the server's `Retry-After`. A call is not retried if the delay exceeds the
    time that is left, or if the attempt at the stage has lost its lease.

    Args:
        attempts: The maximum number of attempts, the first one included.
        seconds: The time after which no attempt starts, in seconds.
        time_limit: The time limit of a stage, in seconds.
    """

    def __init__(self, *, attempts: int, seconds: float, time_limit: float) -> None:
        self._attempts = attempts
        self._seconds = seconds
        self._time_limit = time_limit

    @override
    def __call__(self, provider: str, call: Callable[[], A], /) -> A:
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
                log.info("retrying %s: %s", provider, failed[-1].message)
                provider_retried.send(ProviderRetried(provider, failed[-1].code))
            with attempt:
                return call()
        raise AssertionError("unreachable")


def _delay(failed: int) -> float:
    longest = min(_MAX_DELAY, _FIRST_DELAY * 2.0 ** (failed - 1))
    return random.uniform(0, longest)  # noqa: S311 - jitter is no secret
