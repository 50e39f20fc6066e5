"""The outbox relay, which publishes recorded events (transactional outbox pattern)."""

import logging
import threading

from tasks.errors import InterviewWorkerError
from tasks.ports import EventPublisher, Outbox

log = logging.getLogger(__name__)

_BATCH = 200
_MAX_BACKOFF = 10.0
"""Maximum seconds between attempts while the store or Kafka is unavailable."""


class OutboxRelay:
    """Publishes recorded events and marks them as published.

    An event may be published twice if the process dies between publishing and marking. Its id is
    the same, so that consumers can deduplicate.

    Args:
        outbox: The store of recorded events.
        publisher: Publishes events.
        interval: Seconds between two polls of the outbox.
    """

    def __init__(
        self, outbox: Outbox, publisher: EventPublisher, *, interval: float = 0.25
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._interval = interval

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set, and once more after that, to empty the outbox."""
        pause = self._interval
        while not stop.wait(pause):
            pause = self._interval if self._publish_once() else min(_MAX_BACKOFF, pause * 2)
        self._publish_once()

    def publish_pending(self) -> int:
        """Publish all pending events.

        Returns:
            The number of events published.

        Raises:
            Transient: The store or the publisher is unavailable. Events that were not marked are
                published again later.
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
