"""Failover of Redis by real Sentinels."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import SecretStr
from redis import Redis

from tasks.errors import Transient
from tasks.pipeline.queues import Backlog
from tests.monitoring.plain_worker import NOTHING, create
from tests.processes import ROOT
from tests.redis_servers import SAFE, answering, redis_server, sentinel
from tests.requirements import needs
from tests.timing import wait_until
from worker.adapters.broker.transport import SentinelTransport
from worker.adapters.resilience.circuits import CircuitReader
from worker.adapters.resilience.rate_limit import RateLimit
from worker.bootstrap import broker, check_broker
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port
from worker.settings import Settings

pytestmark = [needs("redis-server"), pytest.mark.timeout(120)]

_NAME, _PASSWORD, _SENTINEL_PASSWORD = "mymaster", "p@ss", "s/ntinel"


@dataclass(frozen=True)
class Servers:
    """A master, its replica and three Sentinels."""

    master: Child
    replica: Redis
    sentinels: list[Child]
    url: str


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    ports = [free_port() for _ in range(5)]
    secured = (*SAFE, "--requirepass", _PASSWORD, "--masterauth", _PASSWORD)
    watched = (
        f"requirepass {_SENTINEL_PASSWORD}",
        f"sentinel monitor {_NAME} 127.0.0.1 {ports[0]} 2",
        f"sentinel auth-pass {_NAME} {_PASSWORD}",
        f"sentinel down-after-milliseconds {_NAME} 1000",
        f"sentinel failover-timeout {_NAME} 4000",
    )
    with ExitStack() as stack:
        master = stack.enter_context(redis_server(tmp_path / "one", *secured, port=ports[0]))
        following = ("--replicaof", "127.0.0.1", str(ports[0]))
        other = stack.enter_context(
            redis_server(tmp_path / "two", *secured, *following, port=ports[1])
        )
        replica = stack.enter_context(Redis("127.0.0.1", ports[1], password=_PASSWORD))
        answering(other, replica, _is_in_step)
        sentinels = []
        for port in ports[2:]:
            one = stack.enter_context(sentinel(tmp_path / str(port), port, *watched))
            with Redis("127.0.0.1", port, password=_SENTINEL_PASSWORD) as client:
                answering(one, client)
            sentinels.append(one)
        for port in ports[2:]:
            with Redis("127.0.0.1", port, password=_SENTINEL_PASSWORD) as client:
                answering(one, client, _knows_all)
        where = ";".join(f"sentinel://:p%40ss@127.0.0.1:{port}" for port in ports[2:])
        query = f"master_name={_NAME}&sentinel_password=s%2Fntinel"
        yield Servers(master, replica, sentinels, f"{where}/1?{query}")


def _is_in_step(replica: Any) -> bool:
    return bool(replica.info("replication")["master_link_status"] == "up")


def _knows_all(client: Any) -> bool:
    seen = client.sentinel_masters()[_NAME]
    return bool(seen["num-other-sentinels"] == 2 and seen["num-slaves"] == 1)


@pytest.fixture
def worker(servers: Servers, tmp_path: Path) -> Iterator[Child]:
    child = Child(
        "worker",
        [
            *(sys.executable, "-m", "tests.monitoring.plain_worker"),
            servers.url,
            str(tmp_path / "figures"),
            "worker",
        ],
        log=tmp_path / "worker.log",
        env={"PYTHONPATH": str(ROOT)},
    )
    child.start()
    yield child
    stop_all([child], 10)


def test_everything_follows_a_failover(servers: Servers, worker: Child) -> None:
    settings = Settings(redis_url=SecretStr(servers.url))
    check_broker(settings)
    app = create(servers.url)
    with (
        closing(broker(settings)) as reader,
        closing(RateLimit(servers.url, 1)) as limit,
        closing(CircuitReader(servers.url)) as circuits,
        app.connection() as connection,
    ):

        def backlog() -> Backlog | None:
            with suppress(Transient):
                return reader.backlog()
            return None

        def done() -> bool:
            found = backlog()
            return found is not None and found.queues[NOTHING].total == 0

        def read() -> bool:
            with suppress(Transient):
                return circuits.read() == {}
            return False

        _send(app)
        wait_until(done, 20)
        assert limit.take("before") == 0
        assert circuits.read() == {}
        connection.ensure_connection()

        # The first Sentinel goes with the master, as they may be on one host.
        servers.master.kill()
        servers.sentinels[0].kill()
        wait_until(lambda: _role(servers.replica) == "master", 20)

        wait_until(lambda: _sent(app), 20)
        wait_until(done, 20)
        worker.check()
        keys: Any = servers.replica.info("commandstats")
        # Only the worker takes messages.
        assert "cmdstat_brpop" in keys
        wait_until(lambda: _counts(limit), 20)
        wait_until(read, 20)
        connection.close()
        connection.ensure_connection()
        assert type(connection.transport) is SentinelTransport


def _role(client: Redis) -> str:
    found: Any = client.info("replication")
    return str(found["role"])


def _send(app: Celery) -> None:
    app.send_task(NOTHING, queue=NOTHING)


def _sent(app: Celery) -> bool:
    try:
        _send(app)
    except (OSError, OperationalError):
        return False
    return True


def _counts(limit: RateLimit) -> bool:
    """Whether requests are limited; all are allowed while Redis is unavailable."""
    return limit.take("after") > 0
