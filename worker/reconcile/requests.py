"""Sends requests on their way again that stand still."""

import logging
from datetime import timedelta

from tasks.clock import now
from tasks.interviews.interview import Priority
from tasks.pipeline.queues import REQUESTS, Broker
from worker.ports import PendingRequest, RequestDispatcher, RequestStore
from worker.reconcile.lost_messages import LostMessageDetector

log = logging.getLogger(__name__)

_BATCH = 200


class RequestReconciler:
    """Sends requests on their way again that nobody works on and no message waits for.

    Args:
        requests: The truth.
        broker: Tells which messages wait.
        dispatcher: Publishes new ones.
        grace: How long a message may be on its way to its queue, as its publisher was slow.
    """

    def __init__(
        self,
        requests: RequestStore,
        broker: Broker,
        dispatcher: RequestDispatcher,
        grace: timedelta,
    ) -> None:
        self._requests = requests
        self._broker = broker
        self._dispatcher = dispatcher
        self._detector = LostMessageDetector(grace)

    def resume(self) -> int:
        """Send on those whose run is lost, whose next attempt is due, or whose message is gone.

        Returns:
            How many there were.
        """
        found = list(self._requests.find_due(now(), _BATCH))
        queue = self._broker.backlog().queues[REQUESTS]
        before = self._detector.lost_before(REQUESTS, queue, *Priority)
        if before is not None:
            found += self._requests.find_lost_messages(before, _BATCH)
        return sum(self._resume(request) for request in found)

    def _resume(self, request: PendingRequest) -> bool:
        if not self._requests.dispatched(request, now()):
            return False
        self._dispatcher.fetch(request.id)
        log.info("request %s is sent on its way again", request.id)
        return True
