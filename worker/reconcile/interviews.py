"""The reconciler of interviews, which resumes interviews that have stalled."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from monitoring.trace_context import continue_trace
from tasks.clock import now
from tasks.context import bound_context
from tasks.errors import STALE, NotFound
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Priority, Stage
from tasks.pipeline.queues import Broker, QueueState
from tasks.pipeline.runner import task_name
from tasks.ports import InterviewStore
from tasks.signals import Resumed, resumed
from worker.leadership import Term
from worker.ports import Dispatcher, HeldMessages, UnackedMessage, UnackedMessages
from worker.reconcile.lost_messages import LostMessageDetector, not_held

log = logging.getLogger(__name__)

_BATCH = 200
_INTERVAL = 1.0
"""Seconds between two checks for expired leases and due retries."""

_LOST_INTERVAL = 5.0
"""Seconds between two checks for lost messages."""


class Reconciler:
    """Compares the documents with the broker, and publishes messages that are missing.

    The documents are the source of truth. A message is lost when its worker dies between receiving
    and acknowledging it, when the broker loses it, or when its publisher dies before publishing it.
    A duplicate message is harmless: one attempt gets the lease, and the other message is dropped.

    Args:
        interviews: The store of interviews.
        broker: Reports the queued messages.
        dispatcher: Publishes messages.
        unacked: The unacknowledged messages, for a broker that does not detect dead workers; None
            for others.
        grace: The longest delay between the document's `message_at` and the message's arrival in
            its queue.
        held: Asks workers what they hold, for a broker that does not tell; None for others.
        also_run: Further work, run every five seconds.
    """

    def __init__(
        self,
        interviews: InterviewStore,
        broker: Broker,
        dispatcher: Dispatcher,
        unacked: UnackedMessages | None,
        grace: timedelta,
        held: HeldMessages | None = None,
        also_run: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._interviews = interviews
        self._broker = broker
        self._dispatcher = dispatcher
        self._unacked = unacked
        self._held = held
        self._grace = grace
        self._detector = LostMessageDetector(grace)
        self._also_run = also_run

    def run(self, term: Term) -> None:
        """Reconcile until the term is over.

        Raises:
            Transient: Database or broker are unavailable.
        """
        last_check = -math.inf
        while not term.wait(_INTERVAL):
            self.resume_due()
            if time.monotonic() - last_check >= _LOST_INTERVAL:
                last_check = time.monotonic()
                self.resume_lost()
                self.drop_superseded()
                for each in self._also_run:
                    each()

    def resume_due(self) -> int:
        """Resume interviews whose lease has expired or whose next attempt is due.

        Returns:
            The number of interviews resumed.
        """
        moment = now()
        found = self._interviews.find_due(moment, _BATCH)
        return sum(
            self._resume(one, "retry" if one.next_attempt_at else "lease_lapsed") for one in found
        )

    def resume_lost(self) -> int:
        """Resume interviews that no worker holds and whose message is lost.

        A message is lost if it was in no queue at the previous check, is in none now, and no
        worker holds it.

        Returns:
            The number of interviews resumed.
        """
        queues = self._broker.backlog().queues
        suspects = [
            (task_name(stage), one)
            for stage in Stage
            for priority in Priority
            for one in self._left(queues, stage, priority)
        ]
        lost = not_held(suspects, queues, self._held)
        return sum(self._resume(one, "message_lost") for one in lost)

    def drop_superseded(self) -> int:
        """Drop messages of dead workers that a newer message has replaced.

        Without this they would be redelivered after hours and count as work until then.

        Returns:
            The number of messages dropped.
        """
        if self._unacked is None:
            return 0
        stale = [
            m for m in self._unacked.taken_before(now() - self._grace) if self._is_superseded(m)
        ]
        for message in stale:
            self._unacked.drop(message)
            log.info("a superseded message of %s is dropped", message.interview_id)
        return len(stale)

    def _is_superseded(self, message: UnackedMessage) -> bool:
        try:
            interview = self._interviews.get(message.interview_id)
        except NotFound:
            return True
        # The document records a message before it is published, so a message that is older than the
        # document's `message_at` has been replaced.
        latest = interview.message_at
        return interview.status.final or (latest is not None and message.published_at < latest)

    def _left(
        self, queues: Mapping[str, QueueState], stage: Stage, priority: Priority
    ) -> Sequence[Interview]:
        """Interviews without an attempt, whose message has left the queue."""
        name = task_name(stage)
        before = self._detector.lost_before(name, queues[name], priority)
        if before is None:
            return ()
        return self._interviews.find_lost_messages(stage, priority, before, _BATCH)

    def _resume(self, interview: Interview, reason: str) -> bool:
        stage = interview.current_stage
        if stage is None:
            return False
        try:
            self._interviews.apply(interview.id, transitions.dispatched(interview, now()))
        except STALE:
            return False
        with continue_trace(interview.traceparent), bound_context(interview_id=interview.id):
            self._dispatcher.dispatch(interview.id, stage, interview.priority)
            log.info("%s is resumed: %s", stage, reason)
        resumed.send(Resumed(stage, reason))
        return True
