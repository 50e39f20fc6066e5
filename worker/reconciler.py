"""Sends interviews on their way again that nobody works on and no message waits for."""

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from monitoring.broker import Broker, QueueState
from tasks import changes
from tasks.clock import now
from tasks.errors import UNWANTED, Transient
from tasks.interview import Interview, Priority, Stage
from tasks.ports import InterviewStore
from tasks.signals import Resumed, resumed
from tasks.stage import task_name
from worker.intake import Dispatcher
from worker.leadership import Leadership

log = logging.getLogger(__name__)

_BATCH = 200
_INTERVAL = 1.0
"""Seconds between two looks for lapsed leases and attempts that are due."""

_UNHEARD_INTERVAL = 5.0
"""Seconds between two looks for messages that are gone."""

_GRACE = timedelta(seconds=20)
"""How long after it was published a message may not be seen anywhere: it is on its way from the
queue to the run's lease, or its publisher was slow."""

_LEADER_SECONDS = 15.0


class Reconciler:
    """Compares the documents with the broker, as messages are no more than hints.

    A message is lost when its worker dies between taking and acknowledging it, when the broker
    loses it, and when its publisher dies before it is published. What is sent twice does no harm:
    one run gets the lease, and the other message is dropped.

    Args:
        interviews: The truth.
        broker: Tells which messages wait.
        dispatcher: Publishes new ones.
        leadership: Sees to it that one process does this.
    """

    def __init__(
        self,
        interviews: InterviewStore,
        broker: Broker,
        dispatcher: Dispatcher,
        leadership: Leadership,
    ) -> None:
        self._interviews = interviews
        self._broker = broker
        self._dispatcher = dispatcher
        self._leadership = leadership

    def run(self, stop: threading.Event) -> None:
        """Reconcile until `stop` is set, through any absence of database and broker."""
        looked = 0.0
        while not stop.wait(_INTERVAL):
            try:
                if not self._leadership.hold(_LEADER_SECONDS):
                    continue
                self.resume_stuck()
                if time.monotonic() - looked >= _UNHEARD_INTERVAL:
                    looked = time.monotonic()
                    self.resume_unheard()
            except Transient as error:
                log.warning("reconciling waits: %s", error.message)

    def resume_stuck(self) -> int:
        """Send on those whose lease has lapsed or whose next attempt is due.

        Returns:
            How many there were.
        """
        moment = now()
        found = self._interviews.stuck(moment, _BATCH)
        return sum(
            self._resume(one, "retry" if one.next_attempt_at else "lease_lapsed") for one in found
        )

    def resume_unheard(self) -> int:
        """Send on those whose message is in no queue, though nobody works on them.

        Returns:
            How many there were.
        """
        queues = self._broker.backlog().queues
        return sum(
            self._resume(one, "message_lost")
            for stage in Stage
            for priority in Priority
            for one in self._unheard(queues[task_name(stage)], stage, priority)
        )

    def _unheard(self, queue: QueueState, stage: Stage, priority: Priority) -> Iterator[Interview]:
        before = _published_before(queue, str(priority))
        if before is not None:
            yield from self._interviews.unheard(stage, priority, before, _BATCH)

    def _resume(self, interview: Interview, reason: str) -> bool:
        stage = interview.current_stage
        if stage is None:
            return False
        try:
            self._interviews.apply(interview.id, changes.dispatched(interview, now()))
        except UNWANTED:
            return False
        self._dispatcher.dispatch(interview.id, stage, interview.priority)
        log.info("%s of %s is sent on its way again: %s", stage, interview.id, reason)
        resumed.send(Resumed(stage, reason))
        return True


def _published_before(queue: QueueState, priority: str) -> datetime | None:
    """The moment before which every message of a queue has been taken; None if not known.

    Queues are in the order of publication: what was published before the oldest that waits is not
    in the queue any more.
    """
    latest = now() - _GRACE
    if not queue.depth.get(priority):
        return latest
    oldest = queue.oldest.get(priority)
    if oldest is None:
        return None
    return min(latest, datetime.fromtimestamp(oldest, UTC) - _GRACE)
