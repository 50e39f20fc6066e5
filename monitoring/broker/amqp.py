"""Queues of an AMQP 0-9-1 broker, such as RabbitMQ."""

from collections.abc import Sequence
from typing import Any

from kombu import Connection
from kombu.exceptions import ChannelError, OperationalError

from monitoring.broker.backlog import Backlog, QueueState
from tasks.errors import Transient

_ANY = "any"
"""AMQP tells the messages of a queue together, whatever their priority."""


class AmqpBroker:
    """Asks for the length of queues by declaring them passively, which changes nothing.

    The protocol tells neither what consumers hold nor how old messages are
    (queue.declare in AMQP 0-9-1, section 1.7.2.1).

    Args:
        url: The broker's URL.
        queues: The queues to look at; those that nobody has declared yet are empty.
        timeout: Seconds to wait for a connection.
    """

    def __init__(self, url: str, queues: Sequence[str], *, timeout: float = 1.0) -> None:
        self._connection: Any = Connection(url, connect_timeout=timeout, heartbeat=0)
        self._queues = tuple(queues)

    def backlog(self) -> Backlog:
        """Read the length of all queues; see `Broker.backlog`."""
        try:
            self._connection.ensure_connection(max_retries=1, interval_start=0)
            return Backlog({queue: self._state(queue) for queue in self._queues})
        except (OperationalError, *self._connection.connection_errors) as error:
            self._connection.close()
            raise Transient(f"the broker does not answer: {error}", code="broker_error") from error

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

    def _state(self, queue: str) -> QueueState:
        # A queue that is missing closes the channel, so each has its own.
        try:
            with self._connection.channel() as channel:
                declared = channel.queue_declare(queue=queue, passive=True)
        except ChannelError:
            return QueueState({_ANY: 0})
        return QueueState({_ANY: declared.message_count})
