"""Queues of an AMQP 0-9-1 broker, such as RabbitMQ."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kombu import Connection
from kombu.exceptions import ChannelError, OperationalError
from typing_extensions import override

from tasks.errors import Transient
from tasks.pipeline.queues import Backlog, Broker, QueueState

_NOT_FOUND = 404


class AmqpBroker(Broker):
    """A `Broker` for AMQP, which reads the length of queues by passive declarations.

    The protocol reports neither unacked messages nor the age of messages (queue.declare in AMQP
    0-9-1, section 1.7.2.1). Each reading opens a new connection, since a kept one does not notice
    that the broker is gone.

    Args:
        url: The broker's URL.
        queues: The queues to read; a queue that is not declared yet counts as empty.
        timeout: Seconds to wait for a connection, and for each answer.
    """

    def __init__(self, url: str, queues: Sequence[str], *, timeout: float = 1.0) -> None:
        self._url = url
        self._queues = tuple(queues)
        self._timeout = timeout

    @override
    def backlog(self) -> Backlog:
        with connected(self._url, self._timeout) as connection:
            return Backlog({queue: _state(connection, queue) for queue in self._queues})

    def close(self) -> None:
        """Do nothing: no connection is kept open."""


@contextmanager
def connected(url: str, timeout: float) -> Iterator[Any]:
    """Connect to a broker for the duration of the context.

    Args:
        url: The broker's URL.
        timeout: Seconds to wait for a connection, and for each answer.

    Raises:
        Transient: The broker does not answer, or refuses what is asked within the context.
    """
    connection: Any = Connection(url, connect_timeout=timeout, heartbeat=0)
    try:
        connection.ensure_connection(max_retries=0)
        # py-amqp has a `read_timeout`, but starts to wait again after it.
        connection.connection.sock.settimeout(timeout)
        yield connection
    except (OperationalError, *connection.connection_errors, ChannelError) as error:
        # Closing would wait for a reply from the broker.
        connection.collect()
        raise Transient(f"the broker does not answer: {error}", code="broker_error") from error
    connection.release()


def _state(connection: Any, queue: str) -> QueueState:
    # A missing queue closes the channel, so each queue has its own, closed with the connection.
    try:
        declared = connection.channel().queue_declare(queue=queue, passive=True)
    except ChannelError as error:
        if error.code != _NOT_FOUND:
            raise
        return QueueState(waiting=0, consumers=0)
    return QueueState(waiting=declared.message_count, consumers=declared.consumer_count)
