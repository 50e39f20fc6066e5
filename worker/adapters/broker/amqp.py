"""Queues of an AMQP 0-9-1 broker, such as RabbitMQ."""

from collections.abc import Sequence
from typing import Any

from kombu import Connection
from kombu.exceptions import ChannelError, OperationalError

from tasks.errors import Transient
from tasks.pipeline.queues import Backlog, QueueState

_ANY = "any"
"""AMQP tells the messages of a queue together, whatever their priority."""

_NOT_FOUND = 404


class AmqpBroker:
    """Asks for the length of queues by declaring them passively, which changes nothing.

    The protocol tells neither what consumers hold nor how old messages are
    (queue.declare in AMQP 0-9-1, section 1.7.2.1). Each reading has a connection of its own: of
    one that is kept, nothing tells that the broker at its other end is no longer there.

    Args:
        url: The broker's URL.
        queues: The queues to look at; those that nobody has declared yet are empty.
        timeout: Seconds to wait for a connection, and for each answer.
    """

    def __init__(self, url: str, queues: Sequence[str], *, timeout: float = 1.0) -> None:
        self._url = url
        self._queues = tuple(queues)
        self._timeout = timeout

    def backlog(self) -> Backlog:
        """Read the length of all queues; see `Broker.backlog`."""
        connection: Any = Connection(self._url, connect_timeout=self._timeout, heartbeat=0)
        try:
            connection.ensure_connection(max_retries=0)
            # py-amqp has a `read_timeout`, but begins again to wait when that has passed.
            connection.connection.sock.settimeout(self._timeout)
            backlog = Backlog({queue: _state(connection, queue) for queue in self._queues})
        except (OperationalError, *connection.connection_errors, ChannelError) as error:
            # Closing would wait for an answer.
            connection.collect()
            raise Transient(f"the broker does not answer: {error}", code="broker_error") from error
        connection.release()
        return backlog

    def close(self) -> None:
        """Nothing is kept open."""


def _state(connection: Any, queue: str) -> QueueState:
    # A queue that is missing closes the channel, so each has its own, closed with the connection.
    try:
        declared = connection.channel().queue_declare(queue=queue, passive=True)
    except ChannelError as error:
        if error.code != _NOT_FOUND:
            raise
        return QueueState({_ANY: 0})
    return QueueState({_ANY: declared.message_count})
