"""Queues of a real RabbitMQ, where one is installed (Debian package rabbitmq-server)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from monitoring import metrics
from monitoring.broker import AmqpBroker, open_broker
from monitoring.collectors.broker import BrokerCollector
from tasks.errors import Transient
from tests.monitoring.figures import figures_of
from worker.app import QUEUES, STAGES
from worker.processes.child import Child, stop_all
from worker.processes.ports import free_port

_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_EPMD = shutil.which("epmd")

pytestmark = pytest.mark.skipif(
    not _SERVER.exists() or _EPMD is None,
    reason="AMQP IS NOT TESTED: install the Debian package rabbitmq-server",
)

TRANSCRIBE, *_ = STAGES


def answers(url: str) -> bool:
    reader = AmqpBroker(url, QUEUES)
    try:
        reader.backlog()
    except Transient:
        return False
    finally:
        reader.close()
    return True


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("rabbitmq")
    (place / "plugins").write_text("[].\n")
    port, names = free_port(), free_port()
    # Erlang's name server would stay behind, if RabbitMQ started it.
    epmd = Child("epmd", [str(_EPMD), "-port", str(names)], log=place / "epmd.log")
    server = Child(
        "rabbitmq",
        [str(_SERVER)],
        log=place / "log",
        env={
            "ERL_EPMD_PORT": str(names),
            "HOME": str(place),
            "RABBITMQ_NODENAME": f"test{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(place / "data"),
            "RABBITMQ_LOG_BASE": str(place / "logs"),
            "RABBITMQ_CONFIG_FILE": str(place / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
            "RABBITMQ_PID_FILE": str(place / "pid"),
        },
    )
    epmd.start()
    server.start()
    try:
        url = f"amqp://guest:guest@127.0.0.1:{port}//"
        server.wait_until(lambda: answers(url), 60)
        yield url
    finally:
        stop_all([server], 10)
        stop_all([epmd], 2)


def test_tells_what_waits_and_nothing_else(rabbitmq: str) -> None:
    app = Celery(broker=rabbitmq, set_as_current=False)
    for _ in range(5):
        app.send_task(TRANSCRIBE, args=["x"], queue=TRANSCRIBE)
    reader = open_broker(rabbitmq, QUEUES, {})
    assert isinstance(reader, AmqpBroker)
    found = figures_of(BrokerCollector(reader, STAGES))
    assert found.value(metrics.QUEUE_DEPTH, TRANSCRIBE, "any") == 5
    assert found.value(metrics.INTERVIEWS_IN_STAGE, "transcribe") == 5
    assert found.value(metrics.INTERVIEWS_IN_STAGE, "analyse") == 0
    assert found.value(metrics.INTERVIEWS_ACTIVE) == 5
    for unknown in (metrics.QUEUE_RESERVED, metrics.QUEUE_OLDEST_AGE, metrics.REDIS_MEMORY):
        assert not found.by_labels(unknown)
    reader.close()


def test_goes_on_after_its_connection_was_closed(rabbitmq: str) -> None:
    reader = AmqpBroker(rabbitmq, QUEUES)
    reader.backlog()
    reader.close()
    assert set(reader.backlog().queues) == set(QUEUES)
    reader.close()


def test_says_that_the_broker_is_away() -> None:
    reader = AmqpBroker(f"amqp://127.0.0.1:{free_port()}//", QUEUES)
    with pytest.raises(Transient):
        reader.backlog()
