"""Queue names, the state of queues, and the port that reads it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tasks.interviews.interview import Stage
from tasks.pipeline.runner import task_name


@dataclass(frozen=True, slots=True)
class QueueState:
    """The state of one queue; values that the broker does not report are None.

    Attributes:
        depth: Waiting messages by priority name.
        oldest: Publication time of the oldest waiting message by priority name, in seconds since
            the epoch.
        reserved: Unacknowledged messages: running, prefetched or delayed.
        oldest_age: Seconds since the oldest waiting message was published; 0 if none waits.
        reserved_age: Seconds since the oldest unacknowledged message was delivered; 0 if there is
            none.
    """

    depth: Mapping[str, int]
    oldest: Mapping[str, float] = field(default_factory=dict)
    reserved: int | None = None
    oldest_age: float | None = None
    reserved_age: float | None = None

    @property
    def total(self) -> int:
        """All messages, waiting or unacknowledged, as far as the broker reports them."""
        return sum(self.depth.values()) + (self.reserved or 0)

    def taken_until(self, *priorities: str) -> float | None:
        """The time before which every published message has been delivered.

        Queues are in order of publication: messages published before the oldest waiting one have
        left the queue.

        Args:
            priorities: The names of the priorities to consider.

        Returns:
            Seconds since the epoch, infinity if none waits; None if unknown.
        """
        waiting = [name for name in priorities if self.depth.get(name)]
        if not all(name in self.oldest for name in waiting):
            return None
        return min((self.oldest[name] for name in waiting), default=math.inf)


@dataclass(frozen=True, slots=True)
class RedisStats:
    """Server statistics from Redis' INFO."""

    clients: int
    hits: int
    misses: int
    memory: int
    evicted: int


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
