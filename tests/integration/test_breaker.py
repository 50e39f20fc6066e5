"""Tests of circuit breakers, in one process and shared between processes."""

import json
import multiprocessing
import socket
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, suppress
from multiprocessing.managers import SyncManager
from threading import Event
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis

from monitoring import metrics
from monitoring.collectors.circuits import CircuitCollector
from monitoring.metrics.recording import Recorder
from monitoring.signals import providers
from tasks.errors import CircuitOpen, Permanent, Transient, Unusable
from tests.monitoring.figures import figures_of
from tests.relay import relay
from tests.timing import allowed, patience, wait_until, within
from worker.adapters.resilience.breaker import BreakerRegistry
from worker.adapters.resilience.circuits import CircuitReader

CALL = ("openai", "/v1/chat/completions")
AWAY = Transient("away")


MINUTE = 60.0


class Clock:
    """The clock of circuits, which a test can advance.

    For circuits in Redis, whose clock no test can set, the moment of opening is moved back instead.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._ahead = 0.0

    def __call__(self) -> float:
        return monotonic() + self._ahead

    def passes(self, seconds: float) -> None:
        self._ahead += seconds
        age_circuits(self._redis, self._prefix, seconds)


def age_circuits(redis: Redis, prefix: str, seconds: float) -> None:
    """Move the moment at which circuits opened back."""
    for name in redis.scan_iter(f"{prefix}circuit:*", _type="hash"):
        redis.hincrbyfloat(name, "opened_at", -seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, redis_url: str, key_prefix: str) -> Iterator[Clock]:
    with Redis.from_url(redis_url) as redis:
        clock = Clock(redis, key_prefix)
        monkeypatch.setattr("worker.adapters.resilience.circuits.monotonic", clock)
        yield clock


def breakers(url: str | None, prefix: str = "", seconds: float = MINUTE) -> BreakerRegistry:
    return BreakerRegistry(
        url, failures=3, seconds=seconds, trial_timeout=allowed(30), key_prefix=prefix
    )


def request(guard: BreakerRegistry, error: BaseException | None = None, call: Any = CALL) -> bool:
    """Make a request; returns whether the circuit allowed it."""
    reached = False
    with suppress(Transient, Permanent, KeyboardInterrupt), guard(*call):
        reached = True
        if error is not None:
            raise error
    return reached


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with providers.connected(recorder):
        yield recorder


@pytest.fixture(params=["memory", "redis"])
def home(request: pytest.FixtureRequest, key_prefix: str) -> tuple[str | None, str]:
    """The Redis URL of the circuits, and the prefix of their keys."""
    return request.getfixturevalue("redis_url") if request.param == "redis" else None, key_prefix


def openings(recorder: Recorder) -> dict[tuple[str, ...], float]:
    return figures_of(recorder).by_labels(metrics.CIRCUIT_OPENINGS)


def test_circuit_opens_after_failures_in_a_row(
    home: tuple[str | None, str], recorder: Recorder
) -> None:
    with closing(breakers(*home)) as guard:
        assert [request(guard, error) for error in (AWAY, AWAY, None, AWAY)] == [True] * 4
        assert request(guard, Unusable("no key"))
        assert openings(recorder) == {}
        assert request(guard, AWAY)
        with pytest.raises(CircuitOpen) as caught, guard(*CALL):
            pytest.fail("it was let through")
        # The rest of the minute since the circuit opened a moment ago.
        assert 30 < (caught.value.retry_after or 0) <= MINUTE
        assert request(guard, call=("openai", "/v1/models"))
        assert request(guard, call=("anthropic", CALL[1]))
    assert openings(recorder) == {CALL: 1}


@pytest.mark.parametrize("error", [Permanent("nonsense"), KeyboardInterrupt()])
def test_errors_of_the_request_do_not_count(
    home: tuple[str | None, str], error: BaseException
) -> None:
    with closing(breakers(*home)) as guard:
        assert all(request(guard, error) for _ in range(9))


def test_successful_trial_closes_the_circuit(
    home: tuple[str | None, str], recorder: Recorder, clock: Clock
) -> None:
    with closing(breakers(*home)) as guard:
        for _ in range(3):
            request(guard, AWAY)
        assert not request(guard)
        clock.passes(MINUTE)
        assert request(guard, AWAY)
        assert not request(guard)
        clock.passes(MINUTE)
        assert request(guard, KeyboardInterrupt())
        assert request(guard)
        assert [request(guard, AWAY) for _ in range(2)] == [True, True]
        assert request(guard)
    assert openings(recorder) == {CALL: 2}


def test_only_one_trial_is_admitted(home: tuple[str | None, str], clock: Clock) -> None:
    with closing(breakers(*home)) as guard, ThreadPoolExecutor(1) as thread:
        for _ in range(3):
            request(guard, AWAY)
        trying, answered = Event(), Event()

        def probe() -> None:
            with guard(*CALL):
                trying.set()
                assert answered.wait(patience(10))

        clock.passes(MINUTE)
        probing = thread.submit(probe)
        assert trying.wait(patience(10))
        assert [request(guard) for _ in range(5)] == [False] * 5
        answered.set()
        probing.result(patience(10))
        assert request(guard)


def test_results_from_before_the_opening_are_ignored(
    home: tuple[str | None, str], recorder: Recorder
) -> None:
    with closing(breakers(*home)) as guard:
        with guard(*CALL):
            # While this request is under way, others fail and open the circuit.
            assert [request(guard, AWAY) for _ in range(3)] == [True] * 3
        assert not request(guard)
    assert openings(recorder) == {CALL: 1}


def test_result_of_a_timed_out_trial_is_ignored(home: tuple[str | None, str], clock: Clock) -> None:
    url, prefix = home
    registry = BreakerRegistry(
        url, failures=1, seconds=MINUTE, trial_timeout=0.02, key_prefix=prefix
    )
    with closing(registry) as guard:
        request(guard, AWAY)
        clock.passes(MINUTE)
        with guard(*CALL):
            # Once the first trial has timed out, another request may try.
            wait_until(lambda: request(guard, AWAY))
        # The success of the first one does not close what the second one opened.
        assert not request(guard)


def _fail(url: str, prefix: str, times: int) -> int:
    """Call a failing service from a separate process; returns the number of calls made."""
    with closing(breakers(url, prefix)) as guard:
        return sum(request(guard, AWAY) for _ in range(times))


def _race(url: str, prefix: str, barrier: Any, asked: Any) -> tuple[int, int]:
    """Call a service that works again, concurrently; returns the number of simultaneous calls."""
    with closing(breakers(url, prefix)) as guard:
        barrier.wait(patience(20))
        with suppress(CircuitOpen), guard(*CALL):
            asked.append(1)
            # The other requests must arrive during the trial.
            barrier.wait(patience(20))
            return 1, 0
        barrier.wait(patience(20))
        return 0, 1


@pytest.fixture
def manager() -> Iterator[SyncManager]:
    # By TCP: the path of a Unix socket may be too long where temporary files are kept.
    spawn = multiprocessing.get_context("spawn")
    with SyncManager(("127.0.0.1", 0), ctx=spawn) as manager:
        yield manager


def test_circuits_are_shared_between_processes(
    redis_url: str, key_prefix: str, manager: SyncManager
) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        counts = list(pool.map(_fail, [redis_url] * 2, [key_prefix] * 2, [50, 50]))
        # Each may have had a request in flight when the other one opened the circuit.
        assert 3 <= sum(counts) <= 4
        with closing(breakers(redis_url, key_prefix)) as guard:
            assert not request(guard)
        other = f"{key_prefix}other:"
        with closing(breakers(redis_url, other)) as guard:
            for _ in range(3):
                request(guard, AWAY)
        with Redis.from_url(redis_url) as redis:
            # Each process has a clock of its own, so the circuit is aged instead.
            age_circuits(redis, other, 2 * MINUTE)
        barrier, asked = manager.Barrier(2), manager.list()
        results = pool.map(_race, [redis_url] * 2, [other] * 2, [barrier] * 2, [asked] * 2)
        assert sorted(results) == [(0, 1), (1, 0)]
        assert len(asked) == 1


def test_opening_is_signalled_once(redis_url: str, key_prefix: str, recorder: Recorder) -> None:
    guards = [breakers(redis_url, key_prefix) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda guard: [request(guard, AWAY) for _ in range(5)], guards))
    for guard in guards:
        guard.close()
    assert openings(recorder) == {CALL: 1}


def test_states_can_be_read(redis_url: str, key_prefix: str, clock: Clock) -> None:
    states = CircuitReader(redis_url, key_prefix=key_prefix)
    with closing(states), closing(breakers(redis_url, key_prefix)) as guard:
        assert states.read() == {}
        request(guard, call=("anthropic", "/v1/messages"))
        for _ in range(3):
            request(guard, AWAY)
        expected = {CALL: "open", ("anthropic", "/v1/messages"): "closed"}
        assert states.read() == expected
        figures = figures_of(CircuitCollector(states.read))
        assert figures.by_labels(metrics.CIRCUIT_STATE) == {
            CALL: 2,
            ("anthropic", "/v1/messages"): 0,
        }
        clock.passes(MINUTE)
        assert request(guard, KeyboardInterrupt())
        assert states.read()[CALL] == "half-open"


def test_entries_of_others_are_left_out(redis_url: str, key_prefix: str) -> None:
    foreign = ("not JSON", '["one"]', '{"a": 1}', "[1, 2]", "[" * 100_000, b"\xff")
    strange = json.dumps(("strange", "/"))
    with (
        closing(Redis.from_url(redis_url)) as redis,
        closing(breakers(redis_url, key_prefix)) as guard,
        closing(CircuitReader(redis_url, key_prefix=key_prefix)) as states,
    ):
        request(guard)
        redis.sadd(f"{key_prefix}circuits", *foreign, strange)
        redis.hset(f"{key_prefix}circuit:{strange}", "state", "ajar")
        assert states.read() == {CALL: "closed"}


def test_requests_are_allowed_without_redis(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
        with closing(breakers(url)) as guard:
            assert all(request(guard, AWAY) for _ in range(9))
        with closing(CircuitReader(url)) as states, pytest.raises(Transient):
            states.read()
    assert len(caplog.records) == 1


def test_requests_are_allowed_when_redis_hangs(redis_url: str, key_prefix: str) -> None:
    with relay(urlsplit(redis_url).port or 0) as redis:
        url = f"redis://127.0.0.1:{redis.port}/0"
        with closing(breakers(url, key_prefix)) as guard:
            assert request(guard)
            redis.silence()
            # Only the first call waits a quarter of a second; if each waited, it would take 10 s.
            with within(3, before=10):
                assert all(request(guard, AWAY) for _ in range(40))
