"""Detection of lost messages by comparing successive states of a queue."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from tasks.clock import now
from tasks.interviews.interview import Priority
from tasks.pipeline.queues import QueueState
from worker.ports import HeldByWorkers, HeldMessages


class LostMessageDetector:
    """Compares two successive states of a queue to find messages that are lost.

    One state is not enough: a message may have waited for an hour, been delivered a moment ago, and
    its attempt may be about to start. The time between two checks must be longer than such a start.

    Args:
        grace: The longest delay between the document's `message_at` and the message's arrival in
            its queue.
    """

    def __init__(self, grace: timedelta) -> None:
        self._grace = grace
        self._seen: dict[tuple[str, tuple[Priority, ...]], float] = {}

    def lost_before(self, name: str, queue: QueueState, *priorities: Priority) -> datetime | None:
        """The time before which every message was published that had left the queue long ago.

        Args:
            name: The name of the queue.
            queue: Its current state.
            priorities: The priorities to check.

        Returns:
            The time; None at the first check, and if the broker does not report it.
        """
        until = queue.taken_until(*map(str, priorities))
        earlier = self._seen.pop((name, priorities), None)
        if until is None:
            return None
        until = min(until, now().timestamp() - queue.lag)
        self._seen[name, priorities] = until
        if earlier is None:
            return None
        # A message delivered by the earlier check may have been returned to the queue since.
        return datetime.fromtimestamp(min(earlier, until), UTC) - self._grace


class _Published(Protocol):
    @property
    def id(self) -> str:
        """What its message is for."""


P = TypeVar("P", bound=_Published)


def not_held(
    suspects: Sequence[tuple[str, P]],
    queues: Mapping[str, QueueState],
    held: HeldMessages | None,
) -> list[P]:
    """Those whose message no worker holds.

    A message that has left its queue may be with a worker that has not started it. Where it cannot
    be known what workers hold, because one of them does not answer, nobody is returned.

    Args:
        suspects: Each with the queue that its message has left.
        queues: The queues, read before the workers are asked.
        held: Asks the workers; None if the broker keeps a list of the messages of workers.

    Raises:
        Transient: The broker is unavailable.
    """
    if held is None or not suspects:
        return [one for _, one in suspects]
    found = held.ask()
    complete = {name for name, _ in suspects if _is_complete(found, name, queues[name])}
    ids = set(found.ids)
    return [one for name, one in suspects if name in complete and (name, one.id) not in ids]


def _is_complete(found: HeldByWorkers, name: str, queue: QueueState) -> bool:
    if queue.consumers is None or found.consumers.get(name, 0) < queue.consumers:
        return False
    messages = sum(each == name for each, _ in found.ids)
    return queue.reserved is None or queue.reserved <= messages
