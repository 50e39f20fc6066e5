"""Queue metrics of a real RabbitMQ."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from monitoring import metrics
from monitoring.collectors.broker import BrokerCollector
from tasks.errors import Transient
from tasks.pipeline.queues import QUEUES, STAGES
from tests.monitoring.figures import figures_of
from tests.monitoring.rabbitmq import rabbitmq_server
from tests.processes import frozen
from tests.requirements import needs
from tests.timing import within
from worker.adapters.broker.amqp import AmqpBroker
from worker.adapters.broker.queues import open_broker
from worker.celery_app.config import create_app
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port
from worker.settings import Settings

pytestmark = needs("rabbitmq-server", "epmd")

TRANSCRIBE, ANALYSE, _ = STAGES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, str]]:
    with rabbitmq_server(tmp_path_factory.mktemp("rabbitmq")) as found:
        yield found


@pytest.fixture
def rabbitmq(server: tuple[Child, str]) -> str:
    _, url = server
    return url


@contextmanager
def silent_after(said: bytes, url: str) -> Iterator[str]:
    """A proxy to a server that stops forwarding once the client has sent given bytes."""
    address = urlsplit(url)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection((address.hostname, address.port)) as to_server,
    ):
        open_ends: list[socket.socket] = []

        def forth() -> None:
            client, _ = listener.accept()
            open_ends.append(client)
            threads.append(threading.Thread(target=back, args=(client,)))
            threads[-1].start()
            with suppress(OSError):
                while (sent := client.recv(65536)) and said not in sent:
                    to_server.sendall(sent)

        def back(client: socket.socket) -> None:
            # The client may have disconnected before the server's last message.
            with suppress(OSError):
                while received := to_server.recv(65536):
                    client.sendall(received)

        threads = [threading.Thread(target=forth)]
        threads[0].start()
        try:
            yield url.replace(str(address.port), str(listener.getsockname()[1]))
        finally:
            to_server.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for end in open_ends:
                end.close()


def test_tells_what_waits_and_nothing_else(rabbitmq: str) -> None:
    app = create_app(Settings(redis_url=SecretStr(rabbitmq)))
    for _ in range(5):
        app.send_task(TRANSCRIBE, args=["x"], queue=TRANSCRIBE)
    reader = open_broker(rabbitmq, QUEUES, {})
    assert isinstance(reader, AmqpBroker)
    found = figures_of(BrokerCollector(reader, STAGES))
    assert found.value(metrics.QUEUE_DEPTH, TRANSCRIBE, "any") == 5
    assert found.value(metrics.QUEUE_DEPTH, ANALYSE, "any") == 0
    assert set(found.by_labels(metrics.QUEUE_DEPTH)) == {(queue, "any") for queue in QUEUES}
    for unknown in (
        # Not even of queues that are empty: 0 would be wrong while messages are unacknowledged.
        metrics.CELERY_QUEUE_LENGTH,
        metrics.QUEUE_RESERVED,
        metrics.QUEUE_RESERVED_AGE,
        # These are read from the database.
        metrics.QUEUE_OLDEST_AGE,
        metrics.INTERVIEWS_ACTIVE,
        metrics.INTERVIEWS_IN_STAGE,
        metrics.CHAIN_OLDEST_AGE,
        metrics.REDIS_MEMORY,
    ):
        assert not found.by_labels(unknown)


@pytest.mark.parametrize("said", [b"AMQP", b"\x00\x14\x00\x0a", b"\x00\x32\x00\x0a"])
def test_waits_a_second_whenever_the_broker_falls_silent(rabbitmq: str, said: bytes) -> None:
    # The greeting, channel.open and queue.declare. py-amqp itself would wait forever.
    with silent_after(said, rabbitmq) as url, within(5), pytest.raises(Transient):
        AmqpBroker(url, QUEUES).backlog()


def test_says_that_the_broker_hangs_and_finds_it_again(server: tuple[Child, str]) -> None:
    process, url = server
    reader = AmqpBroker(url, QUEUES)
    reader.backlog()
    with frozen(process.pid), pytest.raises(Transient):
        reader.backlog()
    assert set(reader.backlog().queues) == set(QUEUES)


def test_a_queue_that_may_not_be_looked_at_is_not_empty(rabbitmq: str) -> None:
    with create_app(Settings(redis_url=SecretStr(rabbitmq))).connection() as connection:
        channel: Any = connection.channel()
        channel.queue_declare(queue="kept", exclusive=True)
        with pytest.raises(Transient, match="RESOURCE_LOCKED"):
            AmqpBroker(rabbitmq, ["kept"]).backlog()


def test_says_that_the_broker_is_away() -> None:
    reader = AmqpBroker(f"amqp://127.0.0.1:{free_port()}//", QUEUES)
    with pytest.raises(Transient):
        reader.backlog()
