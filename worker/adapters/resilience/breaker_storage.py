"""Where the state of circuits is kept: in Redis, for all processes, or in this one.

A circuit is one endpoint of one service, and is closed as long as requests go through. In Redis it
is a hash that vanishes a day after its last use; a set names all circuits.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TypeAlias

from pybreaker import (
    STATE_CLOSED,
    STATE_OPEN,
    CircuitBreakerStorage,
    CircuitMemoryStorage,
)
from redis import Redis
from redis.exceptions import RedisError

from tasks.errors import Transient
from worker.adapters.broker.redis_url import redis_py_url

_TTL = 24 * 3600
"""Seconds for which a circuit is remembered that is not used."""

Circuit: TypeAlias = tuple[str, str]
"""A service and its endpoint."""


class MemoryBreakerStorage(CircuitMemoryStorage):
    """The state of a circuit in this process.

    Args:
        opened: Called each time the circuit opens.
    """

    def __init__(self, opened: Callable[[], None]) -> None:
        super().__init__(STATE_CLOSED)
        self._opened = opened
        self._trial = Lock()

    @property
    def state(self) -> str:
        """Whether requests go through."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        before, self._state = self._state, state
        if state == STATE_OPEN and before != STATE_OPEN:
            self._opened()

    def acquire_trial(self) -> bool:
        """Take the right to be the one request that tries; False where another has it."""
        return self._trial.acquire(blocking=False)

    def release_trial(self) -> None:
        """Give the right back."""
        with suppress(RuntimeError):
            self._trial.release()


class RedisBreakerStorage(CircuitBreakerStorage):
    """The state of a circuit in Redis; every operation raises where Redis does not answer.

    pybreaker's own storage fails at the first use only, then writes a stack trace for each
    operation, and keeps its keys for ever. Here, too, the write that opens a circuit tells whether
    it was this one, so that of several processes one announces it.

    Args:
        redis: A client.
        prefix: What keys begin with.
        circuit: The circuit.
        opened: Called each time this process opens the circuit.
        trial_timeout: Seconds after which a request that tries is thought to be lost.
    """

    def __init__(
        self,
        redis: "Redis",
        prefix: str,
        circuit: Circuit,
        opened: Callable[[], None],
        *,
        trial_timeout: float,
    ) -> None:
        super().__init__("redis")
        self._redis = redis
        self._index, self._name = _index(prefix), json.dumps(circuit)
        self._key = _key(prefix, self._name)
        self._opened = opened
        self._trial_timeout = max(1, round(trial_timeout * 1000))

    @property
    def state(self) -> str:
        """Whether requests go through."""
        return self._get("state", STATE_CLOSED)

    @state.setter
    def state(self, state: str) -> None:
        before = self._set("state", state)
        if state == STATE_OPEN and before != STATE_OPEN:
            self._opened()

    def increment_counter(self) -> None:
        """Count a failure."""
        with self._redis.pipeline() as pipe:
            pipe.hincrby(self._key, "failures", 1)
            pipe.expire(self._key, _TTL)
            pipe.sadd(self._index, self._name)
            pipe.execute()

    def reset_counter(self) -> None:
        """Begin to count failures anew."""
        self._set("failures", "0")

    def increment_success_counter(self) -> None:
        """Count a success of a request that tries."""
        self._redis.hincrby(self._key, "successes", 1)

    def reset_success_counter(self) -> None:
        """Begin to count successes anew."""
        self._set("successes", "0")

    @property
    def counter(self) -> int:
        """Failures in a row, those of all processes."""
        return int(self._get("failures", "0"))

    @property
    def success_counter(self) -> int:
        """Successes of requests that try."""
        return int(self._get("successes", "0"))

    @property
    def opened_at(self) -> datetime | None:
        """When the circuit opened last."""
        moment = self._get("opened_at", "")
        return datetime.fromtimestamp(float(moment), UTC) if moment else None

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._set("opened_at", str(moment.timestamp()))

    def acquire_trial(self) -> bool:
        """Take the right to be the one request that tries; False where another has it."""
        return bool(self._redis.set(f"{self._key}:probe", "1", nx=True, px=self._trial_timeout))

    def release_trial(self) -> None:
        """Give the right back."""
        self._redis.delete(f"{self._key}:probe")

    def _get(self, field: str, default: str) -> str:
        found: Any = self._redis.hget(self._key, field)
        return default if found is None else found.decode()

    def _set(self, field: str, value: str) -> str:
        """Write a field, and tell what it was before; the two are one step."""
        with self._redis.pipeline() as pipe:
            pipe.hget(self._key, field)
            pipe.hset(self._key, field, value)
            pipe.expire(self._key, _TTL)
            pipe.sadd(self._index, self._name)
            before, *_ = pipe.execute()
        return "" if before is None else before.decode()


Storage: TypeAlias = MemoryBreakerStorage | RedisBreakerStorage


class BreakerStates:
    """Reads the states of all circuits in Redis.

    Args:
        url: The URL of Redis.
        key_prefix: What all keys begin with.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, url: str, *, key_prefix: str = "", timeout: float = 1.0) -> None:
        self._redis = connect(url, timeout)
        self._prefix = key_prefix

    def read(self) -> Mapping[Circuit, str]:
        """The state of each circuit that was used of late: closed, half-open or open.

        Raises:
            Transient: Redis does not answer.
        """
        try:
            names: Any = self._redis.smembers(_index(self._prefix))
            with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.hmget(_key(self._prefix, name.decode()), "state", "failures")
                found = dict(zip(names, pipe.execute(), strict=True))
        except RedisError as error:
            raise Transient(f"Redis does not answer: {error}", code="broker_error") from error
        states = {}
        for name, (state, failures) in sorted(found.items()):
            if state is not None or failures is not None:
                service, endpoint = json.loads(name)
                states[service, endpoint] = (state or STATE_CLOSED.encode()).decode()
        return states

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()


def connect(url: str, timeout: float) -> "Redis":
    """A client of Redis at a broker's URL."""
    client: Redis = Redis.from_url(
        redis_py_url(url), socket_timeout=timeout, socket_connect_timeout=timeout
    )
    return client


def _index(prefix: str) -> str:
    return f"{prefix}circuits"


def _key(prefix: str, name: str) -> str:
    return f"{prefix}circuit:{name}"
