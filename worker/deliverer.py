"""From the documents to callback URLs: events are posted until their receivers accept them."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from tasks.callbacks import Callback, NotAccepted, Unwanted, next_attempt
from tasks.clock import now
from tasks.errors import InterviewWorkerError
from tasks.ports import CallbackSender, CallbackStore
from tasks.signals import CallbackEnded, callback_ended
from worker.leadership import Leadership

log = logging.getLogger(__name__)

_PARALLEL = 32
_PARALLEL_RECEIVER = 4
"""Receivers that do not answer hold up others only where there are eight of them."""

_BATCH = 2 * _PARALLEL
_LEADER_SECONDS = 15.0
_RENEW_SECONDS = 5.0
_LONGEST_PAUSE = 10.0
"""Seconds between attempts while the store is away."""


class Deliverer:
    """Posts what is due, until it is told to stop.

    Of each interview, one event at a time is on its way, the oldest first; one that is not
    accepted steps aside until its next attempt. A callback may be posted twice, when the process
    dies or hangs between posting and noting it; its id is the same then.

    Args:
        callbacks: Where they are recorded.
        sender: Posts them.
        leadership: Sees to it that one process does this.
        backoff: The delays before the second attempt, the third, and so on.
        interval: Seconds between two looks for what is due.
    """

    def __init__(
        self,
        callbacks: CallbackStore,
        sender: CallbackSender,
        leadership: Leadership,
        *,
        backoff: Sequence[timedelta],
        interval: float = 0.5,
    ) -> None:
        self._callbacks = callbacks
        self._sender = sender
        self._leadership = leadership
        self._backoff = backoff
        self._interval = interval
        self._lock = threading.Lock()
        self._under_way: dict[str, str] = {}
        """The receiver of each interview that has a callback on its way."""
        self._changed = threading.Event()
        self._held_at = -_RENEW_SECONDS

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set, and then until what is on its way has ended."""
        pause = self._interval
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="webhook") as pool:
            while not stop.is_set():
                pause = self._interval if self._turn(pool) else min(_LONGEST_PAUSE, pause * 2)
                self._changed.wait(pause)
                self._changed.clear()

    def _turn(self, pool: ThreadPoolExecutor) -> bool:
        try:
            while self._start_due(pool):
                pass
        except InterviewWorkerError as error:
            log.warning("callbacks wait: %s", error.message)
            return False
        return True

    def _start_due(self, pool: ThreadPoolExecutor) -> int:
        with self._lock:
            # Those that end while the store is asked are still in its answer.
            before = dict(self._under_way)
        receivers = Counter(before.values())
        full = [one for one, count in receivers.items() if count >= _PARALLEL_RECEIVER]
        found = self._callbacks.due(now(), _BATCH, but=full)
        if not (found or before) or not self._leads():
            return 0
        started = 0
        for callback in found:
            if len(before) + started == _PARALLEL:
                break
            busy = receivers[callback.receiver] >= _PARALLEL_RECEIVER
            if busy or callback.event.interview_id in before:
                continue
            receivers[callback.receiver] += 1
            started += 1
            with self._lock:
                self._under_way[callback.event.interview_id] = callback.receiver
            pool.submit(self._deliver, callback)
        return started

    def _leads(self) -> bool:
        moment = time.monotonic()
        if moment - self._held_at < _RENEW_SECONDS:
            return True
        if not self._leadership.hold(_LEADER_SECONDS):
            return False
        self._held_at = moment
        return True

    def _deliver(self, callback: Callback) -> None:
        try:
            self._attempt(callback)
        except InterviewWorkerError as error:
            log.warning("%s may be posted again: %s", callback.event.id, error.message)
        except Exception:
            log.exception("%s was not posted", callback.event.id)
        finally:
            with self._lock:
                del self._under_way[callback.event.interview_id]
            self._changed.set()

    def _attempt(self, callback: Callback) -> None:
        try:
            self._sender.send(callback)
        except NotAccepted as error:
            self._put_off(callback, error)
        except Unwanted as error:
            log.warning("%s is told no more: %s", callback.event.interview_id, error.message)
            self._callbacks.stop(callback.event.interview_id)
            callback_ended.send(CallbackEnded("unwanted"))
        else:
            self._callbacks.remove(callback)
            callback_ended.send(CallbackEnded("delivered"))

    def _put_off(self, callback: Callback, error: NotAccepted) -> None:
        due = next_attempt(callback, self._backoff, now(), error.after)
        if due is None:
            log.error("%s is given up: %s", callback.event.id, error.message)
            self._callbacks.remove(callback)
            callback_ended.send(CallbackEnded("given_up"))
            return
        log.warning("%s was not accepted: %s", callback.event.id, error.message)
        self._callbacks.postpone(callback, due)
