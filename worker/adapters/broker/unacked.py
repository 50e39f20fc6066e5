"""Unacked messages, read from kombu's data structures in Redis."""

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from monitoring.headers import PUBLISHED_AT
from tasks.errors import Transient
from worker.adapters.broker.redis_url import open_redis
from worker.ports import UnackedMessage


class RedisUnackedMessages:
    """Kombu's hash `unacked` and its index, where the messages of a dead worker stay for hours.

    Args:
        url: The broker's URL.
        queues: The queues of the stages.
        key_prefix: The prefix of all keys (kombu's `global_keyprefix`).
        timeout: Seconds to wait for an answer.
    """

    def __init__(
        self, url: str, queues: Sequence[str], *, key_prefix: str = "", timeout: float = 2.0
    ) -> None:
        self._redis = open_redis(url, timeout)
        self._queues = frozenset(queues)
        self._unacked, self._index = f"{key_prefix}unacked", f"{key_prefix}unacked_index"

    def taken_before(self, moment: datetime) -> list[UnackedMessage]:
        """Return unacked messages that were delivered before a time.

        Raises:
            Transient: The broker does not answer.
        """
        with _translated():
            tags: Any = self._redis.zrangebyscore(self._index, 0, moment.timestamp())
            raw: Any = self._redis.hmget(self._unacked, tags) if tags else []
        found = (_parsed(*each, self._queues) for each in zip(tags, raw, strict=True))
        return [one for one in found if one is not None]

    def drop(self, message: UnackedMessage) -> None:
        """Acknowledge a message on behalf of its worker.

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
    """Parse a message; None if it is malformed or in another queue."""
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
