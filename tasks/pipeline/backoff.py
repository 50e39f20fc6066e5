"""Exponential back-off between attempts."""

import random
from datetime import timedelta

_MAX_DELAY = 900.0
"""Seconds."""

_MAX_RETRY_AFTER = 24 * 3600.0
"""Maximum accepted Retry-After in seconds; a longer one is assumed to be a mistake."""


def delay(base: float, attempt: int, retry_after: float | None = None) -> timedelta:
    """Exponential back-off with full jitter (Brooker, AWS Architecture Blog, 2015).

    A server's Retry-After is added to the jitter, so that clients rejected together do not return
    together.

    Args:
        base: Maximum seconds before the second attempt; doubles with each attempt up to 900.
        attempt: The number of the failed attempt, counted from 1.
        retry_after: Seconds that the server asked to wait.
    """
    ceiling = min(_MAX_DELAY, base * 2.0 ** (attempt - 1))
    jitter = random.uniform(0, ceiling)  # noqa: S311 - jitter is no secret
    return timedelta(seconds=min(retry_after or 0.0, _MAX_RETRY_AFTER) + jitter)
