"""Queues of an AMQP 0-9-1 broker, such as RabbitMQ."""

from collections import deque
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
        url: The broker's URL, or those of several servers.
        queues: The queues to read; a queue that is not declared yet counts as empty.
        timeout: Seconds to wait for a connection, and for each answer.
    """

    def __init__(self, url: str, queues: Sequence[str], *, timeout: float = 1.0) -> None:
        self._servers = servers_of(url)
        self._queues = tuple(queues)
        self._timeout = timeout

    @override
    def backlog(self) -> Backlog:
        with connected(self._servers, self._timeout) as connection:
            return Backlog({queue: _state(connection, queue) for queue in self._queues})

    def close(self) -> None:
        """Do nothing: no connection is kept open."""


@contextmanager
def connected(servers: deque[str], timeout: float) -> Iterator[Any]:
    """Connect to a broker for the duration of the context.

    Args:
        servers: The URL of each server. One that answers is moved to the front, and one that fails
            to the end.
        timeout: Seconds to wait for a connection, and for each answer.

    Raises:
        Transient: No server answers, or it refuses what is asked within the context.
    """
    connection = _open(servers, timeout)
    try:
        yield connection
    except (OperationalError, *connection.connection_errors, ChannelError) as error:
        _give_up(connection, servers)
        raise _no_answer(error) from error
    connection.release()


def servers_of(url: str) -> deque[str]:
    """The URL of each server of a broker, which kombu separates by semicolons."""
    return deque(one for one in url.split(";") if one)


def _open(servers: deque[str], timeout: float) -> Any:
    for remaining in reversed(range(len(servers))):
        connection: Any = Connection(servers[0], connect_timeout=timeout, heartbeat=0)
        try:
            connection.ensure_connection(max_retries=0)
        except (OperationalError, *connection.connection_errors) as error:
            _give_up(connection, servers)
            if not remaining:
                raise _no_answer(error) from error
        else:
            # py-amqp has a `read_timeout`, but starts to wait again after it.
            connection.connection.sock.settimeout(timeout)
            return connection
    raise Transient("the broker has no address", code="broker_error")


def _give_up(connection: Any, servers: deque[str]) -> None:
    # Closing would wait for a reply from the broker.
    connection.collect()
    servers.rotate(-1)


def _no_answer(error: Exception) -> Transient:
    return Transient(f"the broker does not answer: {error}", code="broker_error")


def _state(connection: Any, queue: str) -> QueueState:
    # A missing queue closes the channel, so each queue has its own, closed with the connection.
    try:
        declared = connection.channel().queue_declare(queue=queue, passive=True)
    except ChannelError as error:
        if error.code != _NOT_FOUND:
            raise
        return QueueState(waiting=0, consumers=0)
    return QueueState(waiting=declared.message_count, consumers=declared.consumer_count)
