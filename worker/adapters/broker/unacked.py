"""Messages that workers hold, as kombu notes them in Redis."""

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from monitoring.headers import PUBLISHED_AT
from tasks.errors import Transient
from worker.adapters.broker.redis_url import redis_py_url
from worker.ports import UnackedMessage


class RedisUnackedMessages:
    """Kombu's hash `unacked` and its index, in which a dead worker's messages stay for hours.

    Args:
        url: The broker's URL.
        queues: The queues of the stages.
        key_prefix: What all keys begin with (kombu's `global_keyprefix`).
        timeout: Seconds to wait for an answer.
    """

    def __init__(
        self, url: str, queues: Sequence[str], *, key_prefix: str = "", timeout: float = 2.0
    ) -> None:
        self._redis: Redis = Redis.from_url(
            redis_py_url(url), socket_timeout=timeout, socket_connect_timeout=timeout
        )
        self._queues = frozenset(queues)
        self._unacked, self._index = f"{key_prefix}unacked", f"{key_prefix}unacked_index"

    def taken_before(self, moment: datetime) -> list[UnackedMessage]:
        """The messages that were taken before a moment and are held still.

        Raises:
            Transient: The broker does not answer.
        """
        with _translated():
            tags: Any = self._redis.zrangebyscore(self._index, 0, moment.timestamp())
            raw: Any = self._redis.hmget(self._unacked, tags) if tags else []
        found = (_parsed(*each, self._queues) for each in zip(tags, raw, strict=True))
        return [one for one in found if one is not None]

    def drop(self, message: UnackedMessage) -> None:
        """Acknowledge a message in the place of whoever held it.

        Raises:
            Transient: The broker does not answer.
        """
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(self._index, message.tag)
            pipe.hdel(self._unacked, message.tag)
            pipe.execute()

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()


def _parsed(tag: bytes, raw: bytes | None, queues: frozenset[str]) -> UnackedMessage | None:
    """A message of ours; None of others, and of what is no message, for anyone may write there."""
    try:
        message, _, queue = json.loads(raw or b"")
        if queue not in queues:
            return None
        (interview_id,), *_ = json.loads(b64decode(message["body"]))
        moment = datetime.fromtimestamp(message["headers"][PUBLISHED_AT], UTC)
        return UnackedMessage(tag.decode(), str(interview_id), moment)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Transient(f"the broker does not answer: {error}", code="broker_error") from error
