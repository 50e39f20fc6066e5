"""The webhook dispatcher, which posts events to callback URLs until they are accepted."""

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from monitoring.trace_context import continue_trace
from tasks.clock import now
from tasks.context import bound_context
from tasks.errors import InterviewWorkerError
from tasks.interviews.callbacks import Callback, DeliveryFailed, ReceiverGone, next_attempt
from tasks.ports import CallbackSender, CallbackStore
from tasks.signals import CallbackEnded, callback_ended
from worker.leadership import Term

log = logging.getLogger(__name__)

_PARALLEL = 32
_PARALLEL_RECEIVER = 4
"""Threads per receiver, so that it takes eight unresponsive receivers to block all others."""

_BATCH = 2 * _PARALLEL


class WebhookDispatcher:
    """Posts callbacks that are due.

    For each interview, one event at a time is posted, the oldest first; an event that is not
    accepted waits for its next attempt without blocking later ones. A callback may be posted twice
    if the process dies or hangs between posting and recording it; its id is the same.

    Args:
        callbacks: The store of pending callbacks.
        sender: Posts callbacks.
        backoff: The delays before the second attempt, the third, and so on.
        interval: Seconds between two polls of the store.
    """

    def __init__(
        self,
        callbacks: CallbackStore,
        sender: CallbackSender,
        *,
        backoff: Sequence[timedelta],
        interval: float = 0.5,
    ) -> None:
        self._callbacks = callbacks
        self._sender = sender
        self._backoff = backoff
        self._interval = interval
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        """The ids of interviews whose callbacks a thread is posting."""
        self._threads: Counter[str] = Counter()
        """The number of threads that post to each receiver."""
        self._changed = threading.Event()

    def run(self, term: Term) -> None:
        """Deliver until the term is over, then wait for the deliveries in flight.

        Raises:
            Transient: The store is unavailable.
        """
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="webhook") as pool:
            while not term.is_over:
                while self._start_due(pool, term):
                    pass
                self._changed.wait(self._interval)
                self._changed.clear()

    def _start_due(self, pool: ThreadPoolExecutor, term: Term) -> int:
        with self._lock:
            # Copied before the query: its result may contain callbacks that finish meanwhile.
            before, threads = set(self._in_flight), Counter(self._threads)
        full = [one for one, count in threads.items() if count >= _PARALLEL_RECEIVER]
        due = self._callbacks.due(now(), _BATCH, exclude=full)
        if term.is_over:
            return 0
        waiting: dict[str, list[Callback]] = {}
        for callback in due:
            if callback.event.interview_id not in before:
                waiting.setdefault(callback.receiver, []).append(callback)
        started = 0
        for receiver, found in waiting.items():
            free = min(
                _PARALLEL_RECEIVER - threads[receiver], _PARALLEL - threads.total() - started
            )
            # One query per thread rather than per callback, because the query may be slow.
            for share in range(min(free, len(found))):
                self._start(pool, receiver, found[share::free], term)
                started += 1
        return started

    def _start(
        self,
        pool: ThreadPoolExecutor,
        receiver: str,
        share: Sequence[Callback],
        term: Term,
    ) -> None:
        interviews = {one.event.interview_id for one in share}

        def work() -> None:
            try:
                self._deliver(share, term)
            finally:
                with self._lock:
                    self._in_flight -= interviews
                    self._threads[receiver] -= 1
                self._changed.set()

        with self._lock:
            self._in_flight |= interviews
            self._threads[receiver] += 1
        pool.submit(work)

    def _deliver(self, share: Sequence[Callback], term: Term) -> None:
        for callback in share:
            try:
                answered = self._attempt(callback)
            except InterviewWorkerError as error:
                log.warning("%s may be posted again: %s", callback.event.id, error.message)
                return
            except Exception:
                log.exception("%s was not posted", callback.event.id)
                return
            if not answered or term.is_over:
                return

    def _attempt(self, callback: Callback) -> bool:
        event = callback.event
        try:
            with continue_trace(event.traceparent), bound_context(interview_id=event.interview_id):
                self._sender.send(callback)
        except DeliveryFailed as error:
            self._reschedule(callback, error)
            return False
        except ReceiverGone as error:
            log.warning(
                "callbacks of %s are stopped: %s", callback.event.interview_id, error.message
            )
            self._callbacks.stop(callback.event.interview_id)
            callback_ended.send(CallbackEnded("unwanted"))
        else:
            self._callbacks.remove(callback)
            callback_ended.send(CallbackEnded("delivered"))
        return True

    def _reschedule(self, callback: Callback, error: DeliveryFailed) -> None:
        due = next_attempt(callback, self._backoff, now(), error.after)
        if due is None:
            log.error("callback %s failed for good: %s", callback.event.id, error.message)
            self._callbacks.remove(callback)
            callback_ended.send(CallbackEnded("given_up"))
            return
        log.warning("%s was not accepted: %s", callback.event.id, error.message)
        self._callbacks.postpone(callback, due)
