"""Connections to a broker that is killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Consumer

from tests.monitoring.plain_worker import HOLD, NOTHING, create
from tests.timing import patience
from worker.local.embedded.server import EmbeddedServer
from worker.local.embedded.valkey import Valkey
from worker.local.processes.child import stop_all

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(Valkey(), tmp_path)
    server.start()
    try:
        server.wait_until_ready()
        yield server
    finally:
        stop_all([server.child], 5)


def test_a_lost_connection_can_be_closed_twice(server: EmbeddedServer) -> None:
    """Celery closes it twice, and an error other than of the connection ends the worker."""
    app = create(server.url)
    app.send_task(HOLD, ["x"], queue=HOLD)
    connection = app.connection_for_read()
    received: list[object] = []
    consumer = connection.Consumer(
        app.amqp.queues[HOLD], callbacks=[lambda _, message: received.append(message)]
    )
    consumer.consume()
    channel: Any = consumer.channel
    # The first time ends at the error of this channel, before the other one is closed.
    Consumer(connection.channel(), [app.amqp.queues[NOTHING]]).consume()
    connection.drain_events(timeout=patience(5))
    assert received
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.2)
    server.child.kill()
    connection.collect(socket_timeout=1)
    assert not channel.closed
    connection.close()
    assert channel.closed
