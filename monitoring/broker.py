"""What the broker knows: how much waits, and how much is in hand."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from tasks.errors import Transient

_SEPARATOR = "\x06\x16"
"""What kombu puts between a queue's name and a priority other than 0."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The broker's state at one moment.

    Attributes:
        depth: Messages that wait, by queue and priority.
        reserved: Messages that workers hold: running, prefetched or delayed, of all queues.
    """

    depth: Mapping[tuple[str, str], int]
    reserved: int


class RedisBroker:
    """Reads kombu's lists in Redis.

    A queue is one list for each priority step, and what workers hold is the hash `unacked`
    (kombu.transport.redis). One round trip, whose cost does not depend on the backlog.

    Args:
        url: The broker's URL.
        queues: The queues to look at.
        priorities: The name of each priority step.
        timeout: Seconds to wait for an answer.
    """

    def __init__(
        self,
        url: str,
        queues: Sequence[str],
        priorities: Mapping[int, str],
        *,
        timeout: float = 1.0,
    ) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout
        )
        self._lists = [
            (queue, name, f"{queue}{_SEPARATOR}{step}" if step else queue)
            for queue in queues
            for step, name in priorities.items()
        ]

    def backlog(self) -> Backlog:
        """Read the state of all queues.

        Raises:
            Transient: The broker does not answer.
        """
        with _translated(), self._redis.pipeline(transaction=False) as pipe:
            for _, _, key in self._lists:
                pipe.llen(key)
            pipe.hlen("unacked")
            *lengths, reserved = pipe.execute()
        depth: Counter[tuple[str, str]] = Counter()
        for (queue, priority, _), length in zip(self._lists, lengths, strict=True):
            depth[queue, priority] += length
        return Backlog(depth, reserved)

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Transient(f"the broker does not answer: {error}", code="broker_error") from error
