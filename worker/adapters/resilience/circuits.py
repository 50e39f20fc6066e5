"""The state of a circuit, in Redis for all processes, or in this process.

The states and transitions are those of Nygard's circuit breaker (Release It!, 2018, chapter 5):

- closed: requests are allowed, and failures in a row are counted;
- open: requests are refused for a while;
- half-open: one request at a time, the trial, is allowed; its result closes or opens the circuit.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from time import monotonic
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError
from typing_extensions import override

from tasks.errors import Transient
from worker.adapters.broker.redis_url import open_redis

Circuit: TypeAlias = tuple[str, str]
"""A service and its endpoint."""

_UNUSED_SECONDS = 24 * 3600
"""Seconds after its last use for which Redis keeps a circuit."""


class State(StrEnum):
    """The state of a circuit."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class Outcome(StrEnum):
    """The outcome of a request, for its circuit."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    """It was cancelled: neither a success nor a failure."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The decision on a request.

    Attributes:
        retry_after: Seconds to wait if the request is refused; None if it is allowed.
        trial: The token of a trial; empty for other requests.
    """

    retry_after: float | None = None
    trial: str = ""


class CircuitState(Protocol):
    """Admits requests to one endpoint, and counts their outcomes."""

    def admit(self) -> Admission:
        """Allow a request, possibly as a trial, or refuse it."""

    def record(self, outcome: Outcome, trial: str) -> bool:
        """Record the outcome of a request.

        If the circuit is not closed, only the outcome of the trial counts: any other belongs to a
        request from before the circuit opened.

        Args:
            outcome: The outcome.
            trial: The token from its admission.

        Returns:
            Whether this result opened the circuit.
        """


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a circuit.

    Attributes:
        failures: The number of failures in a row that opens it.
        open_seconds: Seconds for which requests are refused.
        trial_timeout: Seconds after which a trial without a result is given up.
    """

    failures: int
    open_seconds: float
    trial_timeout: float


class MemoryCircuit(CircuitState):
    """The state of a circuit in this process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = Lock()
        self._state = State.CLOSED
        self._failures = 0
        self._opened_at = 0.0
        self._trial, self._trial_ends_at = "", 0.0

    @override
    def admit(self) -> Admission:
        with self._lock:
            if self._state is State.CLOSED:
                return Admission()
            now = monotonic()
            left = self._opened_at + self._limits.open_seconds - now
            if self._state is State.OPEN and left > 0:
                return Admission(retry_after=left)
            if self._trial and now < self._trial_ends_at:
                return Admission(retry_after=self._limits.open_seconds)
            self._state, self._trial = State.HALF_OPEN, uuid4().hex
            self._trial_ends_at = now + self._limits.trial_timeout
            return Admission(trial=self._trial)

    @override
    def record(self, outcome: Outcome, trial: str) -> bool:
        with self._lock:
            if trial and trial == self._trial:
                self._trial = ""
                return self._record_trial(outcome)
            return self._state is State.CLOSED and self._record_closed(outcome)

    def _record_trial(self, outcome: Outcome) -> bool:
        if outcome is Outcome.SUCCESS:
            self._state, self._failures = State.CLOSED, 0
        return outcome is Outcome.FAILURE and self._open()

    def _record_closed(self, outcome: Outcome) -> bool:
        if outcome is Outcome.SUCCESS:
            self._failures = 0
        elif outcome is Outcome.FAILURE:
            self._failures += 1
            return self._failures >= self._limits.failures and self._open()
        return False

    def _open(self) -> bool:
        self._state, self._opened_at = State.OPEN, monotonic()
        return True


# Both scripts use the clock of Redis, because the clocks of several hosts differ.
_ADMIT = """
local state = redis.call('HGET', KEYS[1], 'state') or 'closed'
if state == 'closed' then return '0' end
if state == 'open' then
  local time = redis.call('TIME')
  local opened = tonumber(redis.call('HGET', KEYS[1], 'opened_at') or 0)
  local left = opened + tonumber(ARGV[1]) - (time[1] + time[2] / 1000000)
  if left > 0 then return tostring(left) end
end
if redis.call('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[2]) then
  redis.call('HSET', KEYS[1], 'state', 'half-open')
  return 'trial'
end
return ARGV[1]
"""

_RECORD = """
local outcome, trial = ARGV[1], ARGV[2]
local state = redis.call('HGET', KEYS[1], 'state') or 'closed'
local is_trial = trial ~= '' and redis.call('GET', KEYS[2]) == trial
local opens = false
if is_trial then
  redis.call('DEL', KEYS[2])
  opens = outcome == 'failure'
  if outcome == 'success' then redis.call('HSET', KEYS[1], 'state', 'closed', 'failures', 0) end
elseif state == 'closed' then
  if outcome == 'success' then redis.call('HSET', KEYS[1], 'failures', 0) end
  if outcome == 'failure' then
    opens = redis.call('HINCRBY', KEYS[1], 'failures', 1) >= tonumber(ARGV[3])
  end
end
if opens then
  local time = redis.call('TIME')
  local now = string.format('%.6f', time[1] + time[2] / 1000000)
  redis.call('HSET', KEYS[1], 'state', 'open', 'opened_at', now)
end
if redis.call('EXPIRE', KEYS[1], ARGV[4]) == 1 then redis.call('SADD', KEYS[3], ARGV[5]) end
return opens and 1 or 0
"""


class RedisCircuit(CircuitState):
    """The state of a circuit in Redis. Every method raises `RedisError` if Redis does not answer.

    Args:
        redis: A client.
        prefix: The prefix of all keys.
        circuit: The circuit.
        limits: The limits of the circuit.
    """

    def __init__(self, redis: Redis, prefix: str, circuit: Circuit, limits: Limits) -> None:
        self._admit = redis.register_script(_ADMIT)
        self._record = redis.register_script(_RECORD)
        self._name = json.dumps(circuit)
        key = _key(prefix, self._name)
        self._keys = [key, f"{key}:probe", _index(prefix)]
        self._limits = limits

    @override
    def admit(self) -> Admission:
        token, limits = uuid4().hex, self._limits
        timeout = max(1, round(limits.trial_timeout * 1000))
        found: Any = self._admit(keys=self._keys, args=[limits.open_seconds, timeout, token])
        if found == b"trial":
            return Admission(trial=token)
        wait = float(found)
        return Admission(retry_after=wait) if wait > 0 else Admission()

    @override
    def record(self, outcome: Outcome, trial: str) -> bool:
        failures = self._limits.failures
        args: list[str | int] = [outcome, trial, failures, _UNUSED_SECONDS, self._name]
        return bool(self._record(keys=self._keys, args=args))


class CircuitReader:
    """Reads the states of all circuits in Redis.

    Args:
        url: The URL of Redis.
        key_prefix: The prefix of all keys.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, url: str, *, key_prefix: str = "", timeout: float = 1.0) -> None:
        self._redis = open_redis(url, timeout)
        self._prefix = key_prefix

    def read(self) -> Mapping[Circuit, str]:
        """The state of each circuit that was used in the past day.

        Entries that are not ours are left out: others may write to Redis too.

        Raises:
            Transient: Redis does not answer.
        """
        try:
            index: Any = self._redis.smembers(_index(self._prefix))
            circuits = {name: circuit for name in index if (circuit := _circuit(name))}
            with self._redis.pipeline(transaction=False) as pipe:
                for name in circuits:
                    pipe.hmget(_key(self._prefix, name.decode()), "state", "failures")
                found = dict(zip(circuits, pipe.execute(), strict=True))
        except RedisError as error:
            raise Transient(f"Redis does not answer: {error}", code="broker_error") from error
        read = ((circuits[name], _state(answer)) for name, answer in sorted(found.items()))
        return {circuit: state for circuit, state in read if state is not None}

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()


def _circuit(name: bytes) -> Circuit | None:
    """The circuit of an entry of the index."""
    try:
        match json.loads(name):
            case [str(service), str(endpoint)]:
                return service, endpoint
    except (ValueError, RecursionError):
        pass
    return None


def _state(answer: object) -> State | None:
    """The state in the answer to HMGET; None if the circuit has not been used for a day."""
    match answer:
        case [None, None]:
            return None
        case [None, _]:
            return State.CLOSED
        case [state, _] if state in _STATES:
            return _STATES[state]
    return None


_STATES = {state.encode(): state for state in State}


def _index(prefix: str) -> str:
    return f"{prefix}circuits"


def _key(prefix: str, name: str) -> str:
    return f"{prefix}circuit:{name}"
