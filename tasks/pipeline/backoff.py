"""How long to wait before trying again."""

import random
from datetime import timedelta

_MAX_DELAY = 900.0
"""Seconds."""

_MAX_RETRY_AFTER = 24 * 3600.0
"""Seconds that a server may ask to be left alone for; what is longer must be a mistake."""


def delay(base: float, attempt: int, retry_after: float | None = None) -> timedelta:
    """Exponential back-off with full jitter (Brooker, AWS Architecture Blog, 2015).

    Where a server asks to be left alone, the time it asks for comes on top, so that those who were
    sent away together do not come back together.

    Args:
        base: Seconds before the second attempt, at most; doubles with each attempt up to 900.
        attempt: The number of the attempt that failed, counted from 1.
        retry_after: Seconds that the server asks for.
    """
    ceiling = min(_MAX_DELAY, base * 2.0 ** (attempt - 1))
    jitter = random.uniform(0, ceiling)  # noqa: S311 - jitter is no secret
    return timedelta(seconds=min(retry_after or 0.0, _MAX_RETRY_AFTER) + jitter)
