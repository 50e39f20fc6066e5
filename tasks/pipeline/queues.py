"""Queue names, the state of queues, and the port that reads it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tasks.interviews.interview import Stage
from tasks.pipeline.runner import task_name


@dataclass(frozen=True, slots=True)
class Level:
    """The waiting messages of one priority.

    Attributes:
        count: Their number.
        oldest: When the oldest was published, in seconds since the epoch; None if that is unknown,
            or if none waits.
    """

    count: int
    oldest: float | None = None

    @property
    def taken_until(self) -> float | None:
        """The time before which every published message has been delivered; None if unknown.

        A level is in order of publication: messages published before the oldest waiting one have
        left the queue. If none waits, the time is infinity.
        """
        return self.oldest if self.count else math.inf


@dataclass(frozen=True, slots=True)
class QueueState:
    """The state of one queue; a value that the broker does not report is None.

    Attributes:
        waiting: Waiting messages, of all priorities.
        levels: The waiting messages by priority name: all priorities, or None.
        reserved: Unacknowledged messages: running, prefetched or delayed.
        consumers: Consumers of the queue, for a broker that knows them.
        lag: Seconds by which the levels may be behind.
        oldest_age: Seconds since the oldest waiting message was published; 0 if none waits.
        reserved_age: Seconds since the oldest unacknowledged message was delivered; 0 if there is
            none.
    """

    waiting: int
    levels: Mapping[str, Level] | None = None
    reserved: int | None = None
    consumers: int | None = None
    lag: float = 0.0
    oldest_age: float | None = None
    reserved_age: float | None = None

    @property
    def total(self) -> int | None:
        """All messages, waiting or unacknowledged; None if the broker does not report both."""
        return None if self.reserved is None else self.waiting + self.reserved

    def taken_until(self, *priorities: str) -> float | None:
        """The time before which every published message has been delivered.

        Args:
            priorities: The names of the priorities to consider.

        Returns:
            Seconds since the epoch, infinity if none waits; None if unknown.
        """
        if self.waiting == 0:
            return math.inf
        levels = self.levels or {}
        found = [levels[name].taken_until for name in priorities if name in levels]
        known = [until for until in found if until is not None]
        # A priority that is not reported may have messages.
        return min(known) if len(known) == len(priorities) else None


@dataclass(frozen=True, slots=True)
class RedisStats:
    """Statistics and configuration of a Redis server; a value it does not tell is None.

    Attributes:
        clients: Client connections.
        hits: Successful key lookups.
        misses: Failed key lookups.
        memory: Memory used, in bytes.
        evicted: Keys evicted because of the memory limit.
        may_evict: Whether it may delete messages when memory is short.
        persistent: Whether it writes messages to disk.
        cluster: Whether it is a node of a Redis Cluster.
    """

    clients: int | None = None
    hits: int | None = None
    misses: int | None = None
    memory: int | None = None
    evicted: int | None = None
    may_evict: bool | None = None
    persistent: bool | None = None
    cluster: bool | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """The state of the broker.

    Attributes:
        queues: The monitored queues by name.
        oldest_chain_age: Seconds since the start of the oldest chain with a waiting or
            unacknowledged message; 0 if there is none, None if the broker does not report it.
        redis: Server statistics, if the broker is Redis.
    """

    queues: Mapping[str, QueueState]
    oldest_chain_age: float | None = None
    redis: RedisStats | None = None


class Broker(Protocol):
    """Reads the state of a broker."""

    def backlog(self) -> Backlog:
        """Read the state of all queues, within about a second.

        Raises:
            Transient: The broker does not answer.
        """

    def close(self) -> None:
        """Close all connections."""


REQUESTS = "interviews.submit"
"""The task, and its queue, through which any Celery producer submits an interview."""


FETCH = "interviews.fetch"
"""The task that downloads the recording of a request; it uses the queue of requests."""


STAGES = {task_name(stage): str(stage) for stage in Stage}
"""The queues of the pipeline by name, and the stage of each."""


QUEUES = (REQUESTS, *STAGES)
