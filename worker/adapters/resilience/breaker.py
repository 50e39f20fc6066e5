"""Circuit breakers, one for each endpoint of each service."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock

from typing_extensions import override

from tasks.errors import CircuitOpen, Permanent, Transient, Unusable
from tasks.signals import CircuitOpened, circuit_opened
from worker.adapters.broker.redis_url import open_redis
from worker.adapters.providers import CircuitBreaker
from worker.adapters.resilience.circuits import (
    Admission,
    CircuitState,
    Limits,
    MemoryCircuit,
    Outcome,
    RedisCircuit,
)
from worker.adapters.resilience.fail_open import FailOpen


class BreakerRegistry(CircuitBreaker):
    """A `CircuitBreaker` whose circuits are shared by all processes through Redis.

    After a number of failures in a row, counted over all processes, an endpoint's circuit opens,
    and its requests are refused for a while. Then one request at a time is allowed as a trial,
    until a trial succeeds. While Redis is unavailable, all requests are allowed, and failures are
    not counted.

    Args:
        url: The URL of Redis; None to keep circuits in this process.
        failures: The number of failures in a row that opens a circuit.
        seconds: Seconds for which requests are refused.
        trial_timeout: Seconds after which a trial without a result is given up.
        key_prefix: The prefix of all keys.
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
        self._redis = None if url is None else open_redis(url, timeout)
        self._limits = Limits(failures, seconds, trial_timeout)
        self._prefix = key_prefix
        self._circuits: dict[tuple[str, str], CircuitState] = {}
        self._lock = Lock()
        self._fail_open = FailOpen("circuit breakers are off while Redis is unavailable")

    @contextmanager
    @override
    def __call__(self, service: str, endpoint: str) -> Iterator[None]:
        circuit = self._circuit(service, endpoint)
        admission = self._fail_open(circuit.admit, Admission())
        if admission.retry_after is not None:
            raise CircuitOpen(
                f"the circuit of {endpoint} is open after repeated failures",
                retry_after=admission.retry_after,
            )
        outcome = Outcome.CANCELLED
        try:
            yield
            outcome = Outcome.SUCCESS
        except (Transient, Unusable):
            outcome = Outcome.FAILURE
            raise
        except Permanent:
            # The endpoint works: it has rejected this request.
            outcome = Outcome.SUCCESS
            raise
        finally:
            if self._fail_open(partial(circuit.record, outcome, admission.trial), False):
                circuit_opened.send(CircuitOpened(service, endpoint))

    def close(self) -> None:
        """Close all connections."""
        if self._redis is not None:
            self._redis.close()

    def _circuit(self, service: str, endpoint: str) -> CircuitState:
        with self._lock:
            name = service, endpoint
            if name not in self._circuits:
                self._circuits[name] = (
                    MemoryCircuit(self._limits)
                    if self._redis is None
                    else RedisCircuit(self._redis, self._prefix, name, self._limits)
                )
            return self._circuits[name]
