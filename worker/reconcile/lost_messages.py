"""Which messages must have been heard of by now."""

from datetime import UTC, datetime, timedelta

from tasks.clock import now
from tasks.interviews.interview import Priority
from tasks.pipeline.queues import QueueState


class LostMessageDetector:
    """Compares two looks at a queue, to tell which messages are gone.

    One look does not do: a message that has waited for an hour may have been taken a moment ago,
    and its run be about to begin. Between two looks there must be more time than that takes.

    Args:
        grace: How long a message may be on its way to its queue, after the moment that its document
            tells.
    """

    def __init__(self, grace: timedelta) -> None:
        self._grace = grace
        self._seen: dict[tuple[str, tuple[Priority, ...]], float] = {}

    def lost_before(self, name: str, queue: QueueState, *priorities: Priority) -> datetime | None:
        """The moment before which all messages of a queue were published that were taken long ago.

        Args:
            name: The name of the queue.
            queue: Its state at this look.
            priorities: The priorities to look at.

        Returns:
            The moment; None at the first look, and if the broker does not tell.
        """
        until = queue.taken_until(*map(str, priorities))
        earlier = self._seen.pop((name, priorities), None)
        if until is None:
            return None
        until = min(until, now().timestamp())
        self._seen[name, priorities] = until
        if earlier is None:
            return None
        # What was taken at the earlier look may have been given back since.
        return datetime.fromtimestamp(min(earlier, until), UTC) - self._grace
