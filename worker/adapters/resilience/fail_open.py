"""Fail open: use a default while Redis is unavailable."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from redis.exceptions import RedisError

log = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY_SECONDS = 5.0
"""Seconds without further calls to Redis after one has failed."""


class FailOpen:
    """Calls Redis, and returns a default instead of raising when Redis does not respond.

    After a failure, no call is made for five seconds, so that not every request waits for the
    time-out.

    Args:
        warning: A log message about the missing function; logged with the error of a failed call.
    """

    def __init__(self, warning: str) -> None:
        self._warning = warning
        self._retry_at = 0.0

    def __call__(self, call: Callable[[], T], default: T) -> T:
        """Return the result of a call to Redis, or the default."""
        if monotonic() < self._retry_at:
            return default
        try:
            return call()
        except RedisError as error:
            log.warning("%s: %s", self._warning, error)
            self._retry_at = monotonic() + _RETRY_SECONDS
            return default
