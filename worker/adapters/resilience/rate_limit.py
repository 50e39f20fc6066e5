"""Rate limits, counted in Redis for all sidecars together."""

from functools import partial

from worker.adapters.broker.redis_url import open_redis
from worker.adapters.resilience.fail_open import FailOpen

_PERIOD = 60_000_000
"""The period of a limit, in microseconds."""

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
    """Allows each client a number of requests a minute, in a burst or spread out.

    Implements the generic cell rate algorithm (ITU-T I.371) with one key for each client, which
    stores its theoretical arrival time by the clock of Redis. While Redis does not answer, all
    requests are allowed.

    Args:
        url: The URL of Redis.
        per_minute: The number of requests a minute.
        key_prefix: A prefix for all keys.
        timeout: Seconds to wait for an answer.
    """

    def __init__(
        self, url: str, per_minute: int, *, key_prefix: str = "", timeout: float = 0.25
    ) -> None:
        self._redis = open_redis(url, timeout)
        self._take = self._redis.register_script(_TAKE)
        self._interval = _PERIOD // per_minute
        self._prefix = f"{key_prefix}rate:"
        self._fail_open = FailOpen("requests are not limited while Redis is unavailable")

    def take(self, client: str) -> float:
        """Count a request of a client.

        Args:
            client: The client's name.

        Returns:
            0 if the request is allowed; otherwise the seconds until the next one is.
        """
        take = partial(self._take, keys=[self._prefix + client], args=[self._interval, _PERIOD])
        wait: int = self._fail_open(take, 0)
        return wait / 1_000_000

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()
