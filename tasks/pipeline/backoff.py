"""How long to wait before trying again."""

import random
from datetime import timedelta

_LONGEST = 900.0
"""Seconds."""

_LONGEST_ASKED = 24 * 3600.0
"""Seconds that a server may ask to be left alone for; what is longer must be a mistake."""


def delay(base: float, attempt: int, asked: float | None = None) -> timedelta:
    """Exponential back-off with full jitter (Brooker, AWS Architecture Blog, 2015).

    Where a server asks to be left alone, the time it asks for comes on top, so that those who were
    sent away together do not come back together.

    Args:
        base: Seconds before the second attempt, at most; doubles with each attempt up to 900.
        attempt: The number of the attempt that failed, counted from 1.
        asked: Seconds that the server asks for.
    """
    longest = min(_LONGEST, base * 2.0 ** (attempt - 1))
    jitter = random.uniform(0, longest)  # noqa: S311 - jitter is no secret
    return timedelta(seconds=min(asked or 0.0, _LONGEST_ASKED) + jitter)
