"""How often somebody may ask, counted in Redis, so that all sidecars count together."""

import logging
from time import monotonic

from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

_PERIOD = 60_000_000
"""Microseconds for which a limit is given."""

_RETRY_REDIS_SECONDS = 5.0
"""Seconds for which Redis is not asked again after it did not answer."""

_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + interval
local wait = due - now - period
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
return 0
"""


class RateLimit:
    """Lets everybody ask a number of times a minute, at once or spread out.

    The generic cell rate algorithm (ITU-T I.371), by the clock of Redis: one key a caller, which
    holds when what was asked so far is worked off. Where Redis does not answer, everybody is let
    through: better unlimited than closed.

    Args:
        url: The URL of Redis.
        per_minute: How many requests a minute.
        key_prefix: What all keys begin with.
        timeout: Seconds to wait for an answer.
    """

    def __init__(
        self, url: str, per_minute: int, *, key_prefix: str = "", timeout: float = 0.25
    ) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout
        )
        self._take = self._redis.register_script(_TAKE)
        self._interval = _PERIOD // per_minute
        self._prefix = f"{key_prefix}rate:"
        self._redis_retry_at = 0.0

    def take(self, who: str) -> float:
        """Count a request.

        Args:
            who: Who asks.

        Returns:
            0 if they may; else the seconds after which they may ask again.
        """
        if monotonic() < self._redis_retry_at:
            return 0.0
        try:
            wait: int = self._take(keys=[self._prefix + who], args=[self._interval, _PERIOD])
        except RedisError as error:
            log.warning("requests are not limited while Redis is away: %s", error)
            self._redis_retry_at = monotonic() + _RETRY_REDIS_SECONDS
            return 0.0
        return wait / 1_000_000

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()
