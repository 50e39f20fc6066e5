"""Queue depths and ages, read from kombu's data structures in Redis."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError
from typing_extensions import override

from monitoring.headers import CHAIN_PUBLISHED_AT, PUBLISHED_AT
from tasks.errors import Transient
from tasks.pipeline.queues import Backlog, Broker, Level, QueueState, RedisStats
from worker.adapters.broker.redis_server import ask_server, server_stats
from worker.adapters.broker.redis_url import open_redis

_SEPARATOR = "\x06\x16"
"""Kombu's separator between the name of a queue and a priority other than 0."""

_LAST_MOMENT = 253402300800.0
"""The end of the year 9999, in seconds since the epoch."""


class RedisBroker(Broker):
    """A `Broker` for Redis.

    A queue is one list for each priority step, with the oldest message at its right end. Unacked
    messages are in the hash `unacked`, and the sorted set `unacked_index` has the time of their
    delivery (kombu.transport.redis). Everything is read in one round trip, whose cost does not
    depend on the backlog: the lengths, one message of each list, the unacked messages, and the
    statistics of the server, which it may refuse.

    Args:
        url: The broker's URL.
        queues: The queues to read.
        priorities: The name of each priority step.
        key_prefix: The prefix of all keys (kombu's `global_keyprefix`).
        timeout: Seconds to wait for an answer.

    Raises:
        Permanent: The URL is invalid.
    """

    def __init__(
        self,
        url: str,
        queues: Sequence[str],
        priorities: Mapping[int, str],
        *,
        key_prefix: str = "",
        timeout: float = 1.0,
    ) -> None:
        self._redis = open_redis(url, timeout)
        self._queues = tuple(queues)
        self._prefix = key_prefix
        self._lists = [
            (queue, name, f"{key_prefix}{queue}{_SEPARATOR}{step}" if step else key_prefix + queue)
            for queue in queues
            for step, name in priorities.items()
        ]

    @override
    def backlog(self) -> Backlog:
        with _translated(), self._redis.pipeline(transaction=False) as pipe:
            for _, _, key in self._lists:
                pipe.llen(key)
                pipe.lindex(key, -1)
            pipe.hgetall(f"{self._prefix}unacked")
            pipe.zrange(f"{self._prefix}unacked_index", 0, -1, withscores=True)
            ask_server(pipe)
            *lists, unacked, index, info, save = pipe.execute(raise_on_error=False)
            _raise_first([*lists, unacked, index])
        unacked_messages = _unacked(unacked, dict(index))
        return self._state(
            lists[::2],
            [_message(raw) for raw in lists[1::2]],
            unacked_messages,
            server_stats(info, save),
        )

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()

    def _state(
        self,
        lengths: Sequence[int],
        heads: Sequence["_Message | None"],
        unacked_messages: Sequence["_Unacked"],
        stats: RedisStats,
    ) -> Backlog:
        now = time.time()
        counts: dict[str, Counter[str]] = {queue: Counter() for queue in self._queues}
        waiting: dict[str, list[_Message]] = {queue: [] for queue in self._queues}
        heads_of: dict[tuple[str, str], list[float | None]] = {}
        for (queue, priority, _), length, head in zip(self._lists, lengths, heads, strict=True):
            counts[queue][priority] += length
            if head is not None:
                waiting[queue].append(head)
                heads_of.setdefault((queue, priority), []).append(head.published_at)
        ours = [one for one in unacked_messages if one.queue in counts]
        chains = [one.message for one in ours] + [m for found in waiting.values() for m in found]
        return Backlog(
            queues={
                queue: QueueState(
                    waiting=counts[queue].total(),
                    levels={
                        priority: Level(count, _oldest(heads_of.get((queue, priority), [])))
                        for priority, count in counts[queue].items()
                    },
                    reserved=sum(one.queue == queue for one in ours),
                    oldest_age=_age(now, (one.published_at for one in waiting[queue])),
                    reserved_age=_age(now, (one.since for one in ours if one.queue == queue)),
                )
                for queue in self._queues
            },
            oldest_chain_age=_age(now, (one.chain_published_at for one in chains)),
            redis=stats,
        )


@dataclass(frozen=True, slots=True)
class _Message:
    published_at: float | None = None
    chain_published_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Unacked:
    queue: str
    since: float | None
    message: _Message


def _message(raw: bytes | None) -> _Message | None:
    if raw is None:
        return None
    return _parsed(_json(raw))


def _json(raw: bytes) -> Any:
    """Parse a message; None if it is not JSON, since any producer may have written it."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _parsed(message: Any) -> _Message:
    headers = message.get("headers") if isinstance(message, dict) else None
    if not isinstance(headers, dict):
        return _Message()
    return _Message(_moment(headers.get(PUBLISHED_AT)), _moment(headers.get(CHAIN_PUBLISHED_AT)))


def _moment(value: object) -> float | None:
    # Other producers may send anything: true, Infinity, integers too large for a float.
    return float(value) if isinstance(value, float | int) and 1 < value < _LAST_MOMENT else None


def _unacked(unacked: Mapping[bytes, bytes], since: Mapping[bytes, float]) -> list[_Unacked]:
    found = []
    for tag, raw in unacked.items():
        match _json(raw):
            case [message, _, str(routing_key)]:
                found.append(_Unacked(routing_key, since.get(tag), _parsed(message)))
    return found


def _oldest(moments: Sequence[float | None]) -> float | None:
    """The earliest time; None if one is unknown, since that one may be earlier."""
    known = [moment for moment in moments if moment is not None]
    return min(known) if known and len(known) == len(moments) else None


def _age(now: float, moments: Iterable[float | None]) -> float | None:
    """Seconds since the earliest time; 0 if there are no times, None if all are unknown."""
    given = tuple(moments)
    known = [moment for moment in given if moment is not None]
    if known:
        return max(0.0, now - min(known))
    return None if given else 0.0


def _raise_first(replies: Iterable[object]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Transient(f"the broker does not answer: {error}", code="broker_error") from error
