"""The reconciler of requests, which resumes requests that have stalled."""

import logging
from datetime import timedelta

from tasks.clock import now
from tasks.interviews.interview import Priority
from tasks.pipeline.queues import REQUESTS, Broker
from worker.ports import HeldMessages, PendingRequest, RequestDispatcher, RequestStore
from worker.reconcile.lost_messages import LostMessageDetector, not_held

log = logging.getLogger(__name__)

_BATCH = 200


class RequestReconciler:
    """Resumes requests that no worker holds and that have no queued message.

    Args:
        requests: The store of pending requests, the source of truth.
        broker: Reports the queued messages.
        dispatcher: Publishes messages.
        grace: The longest delay between a request's `message_at` and the message's arrival in its
            queue.
        held: Asks workers what they hold, for a broker that does not tell; None for others.
    """

    def __init__(
        self,
        requests: RequestStore,
        broker: Broker,
        dispatcher: RequestDispatcher,
        grace: timedelta,
        held: HeldMessages | None = None,
    ) -> None:
        self._requests = requests
        self._broker = broker
        self._dispatcher = dispatcher
        self._held = held
        self._detector = LostMessageDetector(grace)

    def resume(self) -> int:
        """Resume requests whose lease has expired, whose retry is due, or whose message is lost.

        Returns:
            The number of requests resumed.
        """
        found = list(self._requests.find_due(now(), _BATCH))
        queues = self._broker.backlog().queues
        before = self._detector.lost_before(REQUESTS, queues[REQUESTS], *Priority)
        if before is not None:
            left = self._requests.find_lost_messages(before, _BATCH)
            found += not_held([(REQUESTS, one) for one in left], queues, self._held)
        return sum(self._resume(request) for request in found)

    def _resume(self, request: PendingRequest) -> bool:
        if not self._requests.dispatched(request, now()):
            return False
        self._dispatcher.fetch(request.id)
        log.info("request %s is resumed", request.id)
        return True
