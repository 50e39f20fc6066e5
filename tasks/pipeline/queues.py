"""The queues: their names, their state, and the port that reads it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tasks.interviews.interview import Stage
from tasks.pipeline.runner import task_name


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue at one moment; None is what the broker does not tell.

    Attributes:
        depth: Messages that wait, by the name of their priority.
        oldest: When the message was published, in seconds since the epoch, that waits longest, by
            the name of its priority.
        reserved: Messages that workers hold: running, prefetched or delayed.
        oldest_age: Seconds since the message was published that waits longest; 0 if none waits.
        reserved_age: Seconds since the message was taken that is held longest; 0 if none is held.
    """

    depth: Mapping[str, int]
    oldest: Mapping[str, float] = field(default_factory=dict)
    reserved: int | None = None
    oldest_age: float | None = None
    reserved_age: float | None = None

    @property
    def total(self) -> int:
        """All messages, waiting or held, as far as the broker tells."""
        return sum(self.depth.values()) + (self.reserved or 0)

    def taken_until(self, *priorities: str) -> float | None:
        """The moment before which every message that was published has been taken.

        Queues are in the order of publication: what was published before the oldest message that
        waits is not in the queue any more.

        Args:
            priorities: The names of the priorities to look at.

        Returns:
            Seconds since the epoch, infinity where none waits; None if it is not known.
        """
        waiting = [name for name in priorities if self.depth.get(name)]
        if not all(name in self.oldest for name in waiting):
            return None
        return min((self.oldest[name] for name in waiting), default=math.inf)


@dataclass(frozen=True, slots=True)
class RedisStats:
    """What Redis tells of itself (INFO)."""

    clients: int
    hits: int
    misses: int
    memory: int
    evicted: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """The broker at one moment.

    Attributes:
        queues: Every queue that is looked at, by name.
        oldest_chain_age: Seconds since the oldest chain began of which a message is next in line
            or held; 0 if there is none, None if the broker does not tell.
        redis: The server's own figures, where it is Redis.
    """

    queues: Mapping[str, QueueState]
    oldest_chain_age: float | None = None
    redis: RedisStats | None = None


class Broker(Protocol):
    """Something to read the state of a broker from."""

    def backlog(self) -> Backlog:
        """Read the state of all queues, within about a second.

        Raises:
            Transient: The broker does not answer.
        """

    def close(self) -> None:
        """Close all connections."""


REQUESTS = "interviews.submit"
"""The task, and its queue, by which any Celery producer submits an interview."""


FETCH = "interviews.fetch"
"""The task that fetches the recording of a request; it is sent to the queue of requests too."""


STAGES = {task_name(stage): str(stage) for stage in Stage}
"""The queues of the pipeline, and the stage that each leads to."""


QUEUES = (REQUESTS, *STAGES)
