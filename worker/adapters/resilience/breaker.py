"""Circuit breakers (Nygard, Release It!), one for each endpoint of each service."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock
from time import monotonic
from typing import TypeVar

from pybreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker, CircuitBreakerError
from redis.exceptions import RedisError

from tasks.errors import CircuitOpen, Permanent, Transient, Unusable
from tasks.signals import CircuitOpened, circuit_opened
from worker.adapters.resilience.breaker_storage import (
    MemoryBreakerStorage,
    RedisBreakerStorage,
    Storage,
    connect,
)

log = logging.getLogger(__name__)

A = TypeVar("A")

_RETRY_REDIS_SECONDS = 5.0
"""Seconds for which Redis is not asked again after it did not answer."""


class BreakerRegistry:
    """A `CircuitBreaker` whose circuits are shared by all processes, where there is Redis.

    After so many failures in a row, whoever had them, nobody's requests go through for a while.
    Then one request tries, whoever's comes first; the others go on being refused until it has an
    answer. Where Redis does not answer, all requests go through, and nothing is counted.

    Args:
        url: The URL of Redis; None keeps circuits in this process.
        failures: How many failures in a row open a circuit.
        seconds: For how long.
        trial_timeout: Seconds after which a request that tries is thought to be lost.
        key_prefix: What all keys begin with.
        timeout: Seconds to wait for Redis.
    """

    def __init__(
        self,
        url: str | None,
        *,
        failures: int,
        seconds: float,
        trial_timeout: float,
        key_prefix: str = "",
        timeout: float = 0.25,
    ) -> None:
        self._redis = None if url is None else connect(url, timeout)
        self._failures = failures
        self._seconds = seconds
        self._trial_timeout = trial_timeout
        self._prefix = key_prefix
        self._circuits: dict[tuple[str, str], _Circuit] = {}
        self._lock = Lock()
        self._redis_retry_at = 0.0

    @contextmanager
    def __call__(self, service: str, endpoint: str) -> Iterator[None]:
        """Guard one request; see `CircuitBreaker`."""
        circuit = self._circuit(service, endpoint)
        is_trial = self._fail_open(circuit.acquire)
        failed: bool | None = None
        try:
            yield
            failed = False
        except (Transient, Unusable):
            failed = True
            raise
        except Permanent:
            # The endpoint has answered, and found fault with the question.
            failed = False
            raise
        finally:
            self._fail_open(partial(circuit.record_result, failed=failed, is_trial=bool(is_trial)))

    def close(self) -> None:
        """Close all connections."""
        if self._redis is not None:
            self._redis.close()

    def _circuit(self, service: str, endpoint: str) -> "_Circuit":
        with self._lock:
            name = service, endpoint
            if name not in self._circuits:
                self._circuits[name] = _Circuit(
                    endpoint, self._storage(*name), self._failures, self._seconds
                )
            return self._circuits[name]

    def _storage(self, service: str, endpoint: str) -> Storage:
        opened = partial(circuit_opened.send, CircuitOpened(service, endpoint))
        if self._redis is None:
            return MemoryBreakerStorage(opened)
        return RedisBreakerStorage(
            self._redis,
            self._prefix,
            (service, endpoint),
            opened,
            trial_timeout=self._trial_timeout,
        )

    def _fail_open(self, question: Callable[[], A]) -> A | None:
        """Ask something of a circuit; None where Redis is away."""
        if monotonic() < self._redis_retry_at:
            return None
        try:
            return question()
        except RedisError as error:
            log.warning("requests to services are not guarded while Redis is away: %s", error)
            self._redis_retry_at = monotonic() + _RETRY_REDIS_SECONDS
            return None


@dataclass(frozen=True, slots=True)
class _Circuit:
    endpoint: str
    storage: Storage
    failures: int
    seconds: float

    def acquire(self) -> bool:
        """Let a request through, or not; tells whether it is the one that tries."""
        if self._is_closed():
            return False
        if not self.storage.acquire_trial():
            raise self._refusal(self.seconds)
        # The one before may have come to its end just now.
        try:
            if self._is_closed():
                self.storage.release_trial()
                return False
        except CircuitOpen:
            self.storage.release_trial()
            raise
        self._breaker().half_open()
        return True

    def record_result(self, *, failed: bool | None, is_trial: bool) -> None:
        """Take in what came of a request; None where it was broken off."""
        if failed is not None:
            with suppress(CircuitBreakerError, _FailedError):
                self._breaker().call(_fail if failed else _succeed)
        if is_trial:
            self.storage.release_trial()

    def _is_closed(self) -> bool:
        state = self.storage.state
        if state == STATE_OPEN:
            since = self.storage.opened_at or datetime.min.replace(tzinfo=UTC)
            left = since + timedelta(seconds=self.seconds) - datetime.now(UTC)
            if left > timedelta(0):
                raise self._refusal(left.total_seconds())
        return state == STATE_CLOSED

    def _breaker(self) -> CircuitBreaker:
        # One that lives longer resets the count of failures when it finds out, from its storage,
        # that another process has closed the circuit, however long ago.
        return CircuitBreaker(self.failures, self.seconds, state_storage=self.storage)

    def _refusal(self, retry_after: float) -> CircuitOpen:
        return CircuitOpen(
            f"{self.endpoint} failed too often and is left alone", retry_after=retry_after
        )


class _FailedError(Exception):
    """Stands for what a request failed with."""


def _succeed() -> None:
    pass


def _fail() -> None:
    raise _FailedError
