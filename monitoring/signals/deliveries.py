"""What becomes of the messages that a worker receives.

All of it is known to the worker's own process, and counted there:

    received     Celery's `task_received`: a message is in the worker's hands
    started      a process of the pool has taken it up
    released     it left the worker's hands, and no process had taken it up

A message is one of the two before it has left, so that received = started + released + in hand.
Only the worker's death keeps it from saying so, and then the next one in its place does.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from celery import signals
from prometheus_client.metrics_core import Metric as Family

from monitoring import metrics
from monitoring.headers import PUBLISHED_AT
from monitoring.metrics.recording import Recorder
from tasks.signals import Signal


class Reason(StrEnum):
    """Why no process took a delivery up."""

    SHUTDOWN = "shutdown"
    """The worker stopped; the broker delivers it again."""
    CONNECTION_LOST = "connection_lost"
    """The connection to the broker was lost; the broker delivers it again."""
    REVOKED = "revoked"
    """It was revoked, or expired, while the worker had it."""
    REJECTED = "rejected"
    """The worker refused it."""
    WORKER_LOST = "worker_lost"
    """The worker was killed; the broker delivers it again."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process of the pool has taken a delivery up.

    Attributes:
        request: Celery's `Request`.
        moment: When, by `time.monotonic`.
    """

    request: Any
    moment: float


@dataclass(frozen=True, slots=True)
class Released:
    """A delivery has left the worker's hands; it is of no account where it had been started."""

    request: Any
    reason: Reason


delivery_started: Signal[Started] = Signal("delivery_started")
delivery_released: Signal[Released] = Signal("delivery_released")
connection_lost: Signal[Collection[Any]] = Signal("connection_lost")
"""The worker lets go of what has not been started; the fact is the requests it cannot call back."""


@contextmanager
def connected(recorder: Recorder, labels: Callable[[Any], tuple[str, str, str]]) -> Iterator[None]:
    """Count deliveries, for as long as the context lasts, and in the end those still in hand.

    Args:
        recorder: Takes the figures.
        labels: Tells the labels of a request.
    """
    for lost, count in _unaccounted(recorder.recorded()):
        recorder.count(metrics.CELERY_RELEASED, *lost, Reason.WORKER_LOST, amount=count)
    deliveries = _Deliveries(recorder, labels)
    with ExitStack() as stack:
        stack.callback(deliveries.stopped)
        signals.task_received.connect(deliveries.received, weak=False)
        stack.callback(signals.task_received.disconnect, deliveries.received)
        stack.enter_context(delivery_started.connected(deliveries.started))
        stack.enter_context(delivery_released.connected(deliveries.released))
        stack.enter_context(connection_lost.connected(deliveries.connection_lost))
        yield


class _Deliveries:
    def __init__(self, recorder: Recorder, labels: Callable[[Any], tuple[str, str, str]]) -> None:
        self._count = recorder.count
        self._observe = recorder.observe
        self._labels = labels
        # By identity: a message that is delivered twice makes two requests of one task id.
        self._in_hand: dict[int, Any] = {}

    def received(self, *, request: Any, **_: object) -> None:
        self._in_hand[id(request)] = request
        self._count(metrics.CELERY_RECEIVED, *self._labels(request))

    def started(self, start: Started) -> None:
        if self._let_go(start.request):
            wait = _wait(start.request.request_dict, start.moment)
            self._observe(metrics.CELERY_QUEUE_WAIT, wait, *self._labels(start.request))

    def released(self, release: Released) -> None:
        if self._let_go(release.request):
            self._count(metrics.CELERY_RELEASED, *self._labels(release.request), release.reason)

    def connection_lost(self, uncertain: Collection[Any]) -> None:
        kept = set(map(id, uncertain))
        self._release_all(Reason.CONNECTION_LOST, exclude=kept)

    def stopped(self) -> None:
        self._release_all(Reason.SHUTDOWN)

    def _release_all(self, reason: Reason, exclude: Collection[int] = ()) -> None:
        for key, request in tuple(self._in_hand.items()):
            if key not in exclude:
                self.released(Released(request, reason))

    def _let_go(self, request: Any) -> bool:
        return self._in_hand.pop(id(request), None) is not None


def _wait(headers: Mapping[str, Any], started: float) -> float:
    """Seconds since the message could be taken; 0 where its publisher did not say."""
    moment = time.time() - (time.monotonic() - started)
    due = headers.get(PUBLISHED_AT)
    if not isinstance(due, float | int):
        return 0.0
    if headers.get("eta"):
        due = max(due, datetime.fromisoformat(headers["eta"]).timestamp())
    return max(0.0, moment - due)


def _unaccounted(families: Iterable[Family]) -> Iterator[tuple[tuple[str, ...], float]]:
    """What a killed worker had in hand, by its labels; whoever takes its place has nothing yet."""
    in_hand: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for sample in chain.from_iterable(family.samples for family in families):
        if (sign := _SIGNS.get(sample.name)) is not None:
            labels = tuple(sample.labels[label] for label in metrics.CELERY_RECEIVED.labels)
            in_hand[labels] += sign * sample.value
    yield from ((labels, count) for labels, count in in_hand.items() if count > 0)


_SIGNS = {
    metrics.CELERY_RECEIVED.name: 1,
    f"{metrics.CELERY_QUEUE_WAIT.name}_count": -1,
    metrics.CELERY_RELEASED.name: -1,
}
