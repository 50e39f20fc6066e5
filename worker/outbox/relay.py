"""The outbox relay, which publishes recorded events (transactional outbox pattern)."""

from tasks.ports import EventPublisher, Outbox
from worker.leadership import Term

_BATCH = 200


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

    def run(self, term: Term) -> None:
        """Publish until the term is over; at an orderly stop once more, to empty the outbox.

        Raises:
            Transient: The store or the publisher is unavailable. Events that were not marked are
                published again later.
        """
        while not term.wait(self._interval):
            self._publish_pending(term)
        self._publish_pending(term)

    def _publish_pending(self, term: Term) -> None:
        while term.is_leader:
            events = self._outbox.pending_events(_BATCH)
            self._publisher.publish(events)
            self._outbox.mark_published(events)
            if len(events) < _BATCH:
                return
