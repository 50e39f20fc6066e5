"""The queues of the service in an AMQP broker.

The queues of the stages have priorities. The queue of requests has none: its producers declare it
too, as plain Celery does, and the broker refuses a declaration that differs from the existing queue
(queue.declare in AMQP 0-9-1, section 1.7.2.1).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from amqp.exceptions import PreconditionFailed
from kombu import Queue
from typing_extensions import override

from tasks.interviews.interview import Priority
from tasks.pipeline.queues import REQUESTS, STAGES

AMQP_PRIORITIES: Mapping[Priority, int] = {Priority.HIGH: 5, Priority.NORMAL: 3, Priority.LOW: 1}
"""Priorities of messages: the largest number is delivered first. RabbitMQ recommends at most five
for `x-max-priority`; quorum queues know two levels, of which the higher one begins at five."""

_MAX_PRIORITY = max(AMQP_PRIORITIES.values())


class StageQueue(Queue):
    """A queue with priorities, or an existing one as it is.

    A queue that an older version or an operator declared keeps its properties, because only an
    operator may decide to delete it with its messages. If the broker cannot declare a queue with
    priorities, for example because its default type is quorum, the queue is declared without.
    """

    @override
    def queue_declare(
        self, nowait: bool = False, passive: bool = False, channel: Any = None
    ) -> Any:
        channel = channel or self.channel
        if not passive:
            for declare in (self.declare_with_priorities, self._declare_without):
                # The broker closes a channel whose declaration it refuses.
                with channel.connection.channel() as trial, suppress(PreconditionFailed):
                    return declare(trial)
        return super().queue_declare(nowait, passive=True, channel=channel)

    def declare_with_priorities(self, channel: Any) -> Any:
        """Declare the queue on a channel, which the broker closes if it refuses.

        Raises:
            PreconditionFailed: The queue exists without priorities, or cannot have any.
        """
        return super().queue_declare(channel=channel)

    def _declare_without(self, channel: Any) -> Any:
        return channel.queue_declare(self.name, durable=True, auto_delete=False)


def stage_queue(name: str, seconds: int) -> StageQueue:
    """The queue of a stage.

    Args:
        name: Its name.
        seconds: The longest time that a message remains unacknowledged. The broker closes the
            channel of a consumer that takes longer, after half an hour by default. Versions before
            3.12 ignore the limit of a consumer, and have a single one for all.
    """
    return StageQueue(
        name, routing_key=name, max_priority=_MAX_PRIORITY, consumer_arguments=_consumer(seconds)
    )


def amqp_queues(seconds: int) -> Sequence[Queue]:
    """The queues to consume, with the limit of `stage_queue`."""
    # Celery would bind a queue without a routing key by that of the default queue.
    requests = Queue(REQUESTS, routing_key=REQUESTS, consumer_arguments=_consumer(seconds))
    return [requests, *(stage_queue(name, seconds) for name in STAGES)]


def _consumer(seconds: int) -> Mapping[str, int]:
    return {"x-consumer-timeout": seconds * 1000}
