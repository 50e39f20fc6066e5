"""From the outbox to the outside: recorded events are published, then marked."""

import logging
import threading

from tasks.errors import InterviewWorkerError
from tasks.ports import EventPublisher, Outbox

log = logging.getLogger(__name__)

_BATCH = 200
_MAX_BACKOFF = 10.0
"""Seconds between attempts while the store or Kafka is away."""


class OutboxRelay:
    """Publishes recorded events until it is told to stop.

    An event may be published twice, when the process dies between publishing and marking; its id
    is the same then, so that a consumer can tell.

    Args:
        outbox: Where events are recorded.
        publisher: Where they go.
        interval: Seconds between two looks at the outbox.
    """

    def __init__(
        self, outbox: Outbox, publisher: EventPublisher, *, interval: float = 0.25
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._interval = interval

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set, and once more then, so that little is left behind."""
        pause = self._interval
        while not stop.wait(pause):
            pause = self._interval if self._publish_once() else min(_MAX_BACKOFF, pause * 2)
        self._publish_once()

    def publish_pending(self) -> int:
        """Publish what is recorded now.

        Returns:
            The number of events published.

        Raises:
            Transient: The store or the publisher is away; what was not marked comes again.
        """
        total = 0
        while True:
            events = self._outbox.pending_events(_BATCH)
            self._publisher.publish(events)
            self._outbox.mark_published(events)
            total += len(events)
            if len(events) < _BATCH:
                return total

    def _publish_once(self) -> bool:
        try:
            self.publish_pending()
        except InterviewWorkerError as error:
            log.warning("events wait in the outbox: %s", error.message)
            return False
        return True
