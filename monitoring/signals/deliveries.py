"""Metrics of message deliveries to a worker.

All of them are counted in the worker's main process:

    received     Celery's `task_received`: the worker holds a message
    started      a pool process has started it
    released     the worker no longer holds it, and no pool process had started it

Every message is started or released before the worker stops tracking it, so that
received = started + released + unacknowledged. If the worker is killed, its successor counts the
missing messages.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from celery import signals
from prometheus_client.metrics_core import Metric as Family

from monitoring import metrics
from monitoring.headers import PUBLISHED_AT
from monitoring.metrics.labels import ReleaseReason
from monitoring.metrics.recording import Recorder
from tasks.signals import Signal


@dataclass(frozen=True, slots=True)
class Started:
    """A pool process has started a delivery.

    Attributes:
        request: Celery's `Request`.
        moment: The time, by `time.monotonic`.
    """

    request: Any
    moment: float


@dataclass(frozen=True, slots=True)
class Released:
    """The worker released a delivery; ignored if the delivery had been started."""

    request: Any
    reason: ReleaseReason


delivery_started: Signal[Started] = Signal("delivery_started")
delivery_released: Signal[Released] = Signal("delivery_released")
connection_lost: Signal[Collection[Any]] = Signal("connection_lost")
"""The worker drops deliveries not started; the event holds the requests that it cannot recall."""


@contextmanager
def connected(recorder: Recorder, labels: Callable[[Any], tuple[str, str]]) -> Iterator[None]:
    """Count deliveries for the duration of the context; at its end, those still unacknowledged.

    Args:
        recorder: Records the metrics.
        labels: Returns the labels of a request.
    """

    def account_for(predecessor: Iterable[Family]) -> None:
        for lost, count in _unaccounted(predecessor):
            recorder.count(metrics.CELERY_RELEASED, *lost, ReleaseReason.WORKER_LOST, amount=count)

    recorder.when_continued(account_for)
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
    def __init__(self, recorder: Recorder, labels: Callable[[Any], tuple[str, str]]) -> None:
        self._count = recorder.count
        self._observe = recorder.observe
        self._labels = labels
        # By identity: a redelivered message creates two requests with the same task id.
        self._unacked: dict[int, Any] = {}

    def received(self, *, request: Any, **_: object) -> None:
        self._unacked[id(request)] = request
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
        self._release_all(ReleaseReason.CONNECTION_LOST, exclude=kept)

    def stopped(self) -> None:
        self._release_all(ReleaseReason.SHUTDOWN)

    def _release_all(self, reason: ReleaseReason, exclude: Collection[int] = ()) -> None:
        for key, request in tuple(self._unacked.items()):
            if key not in exclude:
                self.released(Released(request, reason))

    def _let_go(self, request: Any) -> bool:
        return self._unacked.pop(id(request), None) is not None


def _wait(headers: Mapping[str, Any], started: float) -> float:
    """Seconds since the message was due; 0 if its publisher did not set the header."""
    moment = time.time() - (time.monotonic() - started)
    due = headers.get(PUBLISHED_AT)
    if not isinstance(due, float | int):
        return 0.0
    if headers.get("eta"):
        due = max(due, datetime.fromisoformat(headers["eta"]).timestamp())
    return max(0.0, moment - due)


def _unaccounted(families: Iterable[Family]) -> Iterator[tuple[tuple[str, ...], float]]:
    """The unaccounted deliveries of a killed worker, by labels."""
    unacked: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for sample in chain.from_iterable(family.samples for family in families):
        if (sign := _SIGNS.get(sample.name)) is not None:
            labels = tuple(
                sample.labels[label] for label in metrics.CELERY_RECEIVED.recorded_labels
            )
            unacked[labels] += sign * sample.value
    yield from ((labels, count) for labels, count in unacked.items() if count > 0)


_SIGNS = {
    metrics.CELERY_RECEIVED.name: 1,
    f"{metrics.CELERY_QUEUE_WAIT.name}_count": -1,
    metrics.CELERY_RELEASED.name: -1,
}
