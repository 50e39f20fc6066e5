"""Detection of lost messages by comparing successive states of a queue."""

from datetime import UTC, datetime, timedelta

from tasks.clock import now
from tasks.interviews.interview import Priority
from tasks.pipeline.queues import QueueState


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
        until = min(until, now().timestamp())
        self._seen[name, priorities] = until
        if earlier is None:
            return None
        # A message delivered by the earlier check may have been returned to the queue since.
        return datetime.fromtimestamp(min(earlier, until), UTC) - self._grace
