"""Age of unpublished events."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring.collectors.families import family
from monitoring.metrics import EVENTS_OLDEST_AGE
from tasks.clock import now
from tasks.ports import Outbox


class OutboxCollector(Collector):
    """The age of the oldest event that is recorded and not yet published.

    Args:
        outboxes: The outboxes.
    """

    def __init__(self, *outboxes: Outbox) -> None:
        self._outboxes = outboxes

    def collect(self) -> Iterator[Metric]:
        """Find the oldest event.

        Raises:
            Transient: The store is unavailable.
        """
        found = family(EVENTS_OLDEST_AGE)
        found.add((), max(map(_oldest_age, self._outboxes)))
        yield found


def _oldest_age(outbox: Outbox) -> float:
    pending = outbox.pending_events(1)
    return max(((now() - event.at).total_seconds() for event in pending[:1]), default=0.0)
