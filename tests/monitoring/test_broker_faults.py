"""A broker that hangs, stops and restarts, and the commands that a reading sends."""

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from monitoring import metrics
from monitoring.collectors.broker import BrokerCollector
from monitoring.collectors.guarded import GuardedCollectors, Source
from tasks.errors import Transient
from tasks.interviews.interview import Priority, Stage
from tasks.pipeline.queues import QUEUES, STAGES
from tests.monitoring.figures import figures_of
from tests.processes import frozen
from tests.timing import wait_until, within
from worker.adapters.broker import PRIORITIES, CeleryDispatcher
from worker.adapters.broker.redis import RedisBroker
from worker.celery_app.config import create_app
from worker.local.embedded.server import EmbeddedServer
from worker.local.embedded.valkey import Valkey
from worker.local.processes.child import stop_all
from worker.settings import Settings

TRANSCRIBE, *_ = STAGES


class ValkeyWithSocket(Valkey):
    """A server that also listens on a Unix socket."""

    def __init__(self, socket: Path) -> None:
        super().__init__()
        self._socket = socket

    def argv(self, port: int, data: Path) -> list[str]:
        return [*super().argv(port, data), "--unixsocket", str(self._socket)]


@pytest.fixture
def socket() -> Iterator[Path]:
    """A path within the kernel's limit of 108 characters, wherever tests keep files."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        yield Path(place) / "socket"


@pytest.fixture
def server(tmp_path: Path, socket: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(ValkeyWithSocket(socket), tmp_path)
    server.start()
    try:
        server.wait_until_ready()
        yield server
    finally:
        stop_all([server.child], 5)


@pytest.fixture
def reader(server: EmbeddedServer) -> Iterator[RedisBroker]:
    reader = open_reader(server.url)
    yield reader
    reader.close()


def open_reader(url: str) -> RedisBroker:
    return RedisBroker(url, QUEUES, {step: str(name) for name, step in PRIORITIES.items()})


def collector(reader: RedisBroker) -> GuardedCollectors:
    source = Source("redis", BrokerCollector(reader, STAGES), metrics.REDIS_UP)
    return GuardedCollectors([source], timeout=3)


def dispatch(url: str, times: int) -> None:
    dispatcher = CeleryDispatcher(create_app(Settings(redis_url=SecretStr(url))))
    for number in range(times):
        dispatcher.dispatch(f"interview-{number}", Stage.TRANSCRIBE, Priority.NORMAL)


class Commands:
    """Counts the commands that a server receives, except those for counting."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._looks = 0

    def __call__(self) -> Counter[str]:
        info: Any = self._redis.info("commandstats")
        found = Counter({name: stat["calls"] for name, stat in info.items()})
        found["cmdstat_info"] -= self._looks
        self._looks += 1
        return found


def test_says_that_redis_hangs_and_finds_it_again(
    server: EmbeddedServer, reader: RedisBroker
) -> None:
    assert figures_of(collector(reader)).value(metrics.REDIS_UP) == 1
    with frozen(server.child.pid):
        # It waits a second and does not retry; redis-py itself would wait forever.
        with within(4), pytest.raises(Transient):
            reader.backlog()
        found = figures_of(collector(reader))
    assert found.value(metrics.REDIS_UP) == 0
    for absent in (metrics.QUEUE_DEPTH, metrics.INTERVIEWS_ACTIVE, metrics.REDIS_MEMORY):
        assert not found.by_labels(absent)
    assert figures_of(collector(reader)).value(metrics.REDIS_UP) == 1


def test_finds_redis_again_whether_or_not_it_noticed(
    server: EmbeddedServer, reader: RedisBroker
) -> None:
    dispatch(server.url, 3)
    for noticed in (True, False):
        assert reader.backlog().queues[TRANSCRIBE].total == 3
        stop_all([server.child], 5)
        if noticed:
            found = figures_of(collector(reader))
            assert found.value(metrics.REDIS_UP) == 0
            assert not found.by_labels(metrics.QUEUE_DEPTH)
        server.start()
        server.wait_until_ready()
        assert reader.backlog().queues[TRANSCRIBE].total == 3


@pytest.mark.parametrize("backlog", [0, 200])
def test_asks_everything_before_any_answer_comes(
    server: EmbeddedServer, reader: RedisBroker, backlog: int
) -> None:
    dispatch(server.url, backlog)
    with Redis.from_url(server.url) as redis:
        commands = Commands(redis)
        reader.backlog()
        before = commands()
        with frozen(server.child.pid), pytest.raises(Transient):
            reader.backlog()
        # Commands sent while the server was stopped are read when it continues.
        wait_until(lambda: commands() - before)
        assert commands() - before == {
            "cmdstat_llen": len(QUEUES) * len(PRIORITIES),
            "cmdstat_lindex": len(QUEUES) * len(PRIORITIES),
            "cmdstat_hgetall": 1,
            "cmdstat_zrange": 1,
            "cmdstat_info": 1,
            "cmdstat_config|get": 1,
        }


def test_reads_over_a_unix_socket(server: EmbeddedServer, socket: Path) -> None:
    url = f"redis+socket://{socket}?virtual_host=1"
    dispatch(url, 2)
    dispatch(server.url, 1)
    for address in (url, f"unix://{socket}?db=1"):
        reader = open_reader(address)
        assert reader.backlog().queues[TRANSCRIBE].total == 2
        reader.close()


def test_many_may_read_at_once(server: EmbeddedServer, reader: RedisBroker) -> None:
    dispatch(server.url, 5)
    totals: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: totals.append(reader.backlog().queues[TRANSCRIBE].total))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == [5] * 8
