"""Sends interviews on their way again that nobody works on and no message waits for."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from monitoring.trace_context import continue_trace
from tasks.clock import now
from tasks.context import bound_context
from tasks.errors import STALE, NotFound, Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Priority, Stage
from tasks.pipeline.queues import Broker, QueueState
from tasks.pipeline.runner import task_name
from tasks.ports import InterviewStore
from tasks.signals import Resumed, resumed
from worker.ports import Dispatcher, Leadership, UnackedMessage, UnackedMessages
from worker.reconcile.lost_messages import LostMessageDetector

log = logging.getLogger(__name__)

_BATCH = 200
_INTERVAL = 1.0
"""Seconds between two looks for lapsed leases and attempts that are due."""

_LOST_INTERVAL = 5.0
"""Seconds between two looks for messages that are gone."""

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
        unacked: What workers hold, where the broker does not notice by itself that one is dead.
        grace: How long a message may be on its way to its queue, as its publisher was slow.
        also_run: What else the leader is to do, every five seconds.
    """

    def __init__(
        self,
        interviews: InterviewStore,
        broker: Broker,
        dispatcher: Dispatcher,
        leadership: Leadership,
        unacked: UnackedMessages | None,
        grace: timedelta,
        also_run: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._interviews = interviews
        self._broker = broker
        self._dispatcher = dispatcher
        self._leadership = leadership
        self._unacked = unacked
        self._grace = grace
        self._detector = LostMessageDetector(grace)
        self._also_run = also_run

    def run(self, stop: threading.Event) -> None:
        """Reconcile until `stop` is set, through any absence of database and broker."""
        looked = 0.0
        while not stop.wait(_INTERVAL):
            try:
                if not self._leadership.acquire(_LEADER_SECONDS):
                    continue
                self.resume_due()
                if time.monotonic() - looked >= _LOST_INTERVAL:
                    looked = time.monotonic()
                    self.resume_lost()
                    self.drop_superseded()
                    for each in self._also_run:
                        each()
            except Transient as error:
                log.warning("reconciling waits: %s", error.message)

    def resume_due(self) -> int:
        """Send on those whose lease has lapsed or whose next attempt is due.

        Returns:
            How many there were.
        """
        moment = now()
        found = self._interviews.find_due(moment, _BATCH)
        return sum(
            self._resume(one, "retry" if one.next_attempt_at else "lease_lapsed") for one in found
        )

    def resume_lost(self) -> int:
        """Send on those whose message was in no queue at the look before this one, nor is now.

        Nobody works on them either.

        Returns:
            How many there were.
        """
        queues = self._broker.backlog().queues
        return sum(
            self._resume(one, "message_lost")
            for stage in Stage
            for priority in Priority
            for one in self._lost(queues, stage, priority)
        )

    def drop_superseded(self) -> int:
        """Drop messages that dead workers hold, and that another one has taken the place of.

        They would come back after hours, to be dropped then, and be counted as work until then.

        Returns:
            How many there were.
        """
        if self._unacked is None:
            return 0
        stale = [
            m for m in self._unacked.taken_before(now() - self._grace) if self._is_superseded(m)
        ]
        for message in stale:
            self._unacked.drop(message)
            log.info("a message of %s that nobody works on is dropped", message.interview_id)
        return len(stale)

    def _is_superseded(self, message: UnackedMessage) -> bool:
        try:
            interview = self._interviews.get(message.interview_id)
        except NotFound:
            return True
        # Of one message and what the document says of it, the document's moment is the earlier.
        latest = interview.message_at
        return interview.status.final or (latest is not None and message.published_at < latest)

    def _lost(
        self, queues: Mapping[str, QueueState], stage: Stage, priority: Priority
    ) -> Iterator[Interview]:
        name = task_name(stage)
        before = self._detector.lost_before(name, queues[name], priority)
        if before is not None:
            yield from self._interviews.find_lost_messages(stage, priority, before, _BATCH)

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
            log.info("%s is sent on its way again: %s", stage, reason)
        resumed.send(Resumed(stage, reason))
        return True
