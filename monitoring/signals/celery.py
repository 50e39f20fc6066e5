"""Metrics of Celery tasks, from the publisher, the worker and its pool processes."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from billiard.exceptions import TimeLimitExceeded
from celery import current_task, signals

from monitoring import celery_signals, metrics
from monitoring.headers import CHAIN_PUBLISHED_AT, PUBLISHED_AT
from monitoring.metrics.domains import OTHER
from monitoring.metrics.labels import TASK_ERRORS
from monitoring.metrics.recording import Recorder
from monitoring.signals import deliveries
from tasks.signals import Signal

message_returned: Signal[Any] = Signal("message_returned")
"""A worker requeues or rejects a message; the event is Celery's `Request`.

Celery has no such signal, although it is the only trace of a child that was killed."""


@contextmanager
def connected(recorder: Recorder) -> Iterator[None]:
    """Record the outcomes of tasks for the duration of the context."""
    listener = _Celery(recorder)
    receivers: dict[Any, Callable[..., None]] = {
        signals.before_task_publish: listener.before_publish,
        signals.after_task_publish: listener.after_publish,
        signals.task_prerun: listener.begun,
        signals.task_success: listener.succeeded,
        signals.task_failure: listener.failed,
        signals.task_retry: listener.retried,
        signals.task_revoked: listener.revoked,
    }
    with ExitStack() as stack:
        for signal, receiver in receivers.items():
            stack.enter_context(celery_signals.connected(signal, receiver))
        stack.enter_context(message_returned.connected(listener.returned))
        stack.enter_context(deliveries.connected(recorder, listener.labels_of))
        yield


class _Celery:
    def __init__(self, recorder: Recorder) -> None:
        self._count = recorder.count
        self._observe = recorder.observe

    def before_publish(self, *, headers: dict[str, Any], **_: object) -> None:
        moment = time.time()
        headers[PUBLISHED_AT] = moment
        if CHAIN_PUBLISHED_AT not in headers:
            # When a task ends, it publishes the next link of its chain, or its own retry.
            task = _current_task()
            chain = task.request.get(CHAIN_PUBLISHED_AT) if task is not None else None
            headers[CHAIN_PUBLISHED_AT] = chain or moment

    def after_publish(self, *, sender: str, routing_key: str, **_: object) -> None:
        self._count(metrics.CELERY_SENT, sender, routing_key)

    def begun(self, *, task: Any, **_: object) -> None:
        task.request.monitoring_started_at = time.perf_counter()

    def succeeded(self, *, sender: Any, **_: object) -> None:
        runtime = time.perf_counter() - sender.request.monitoring_started_at
        self._observe(metrics.CELERY_RUNTIME, runtime, *self._labels(sender))

    def failed(self, *, sender: Any, exception: BaseException, **_: object) -> None:
        if isinstance(exception, TimeLimitExceeded) and sender.request.id is None:
            # Celery 5.7 sends the signal twice for a hard time limit, the second time without a
            # request.
            return
        self._count(metrics.CELERY_FAILED, *self._labels(sender), _class_of(exception))

    def retried(self, *, sender: Any, **_: object) -> None:
        self._count(metrics.CELERY_RETRIED, *self._labels(sender))

    def revoked(self, *, sender: Any, **_: object) -> None:
        self._count(metrics.CELERY_REVOKED, *self._labels(sender))

    def returned(self, request: Any) -> None:
        self._count(metrics.CELERY_REJECTED, *self.labels_of(request))

    def labels_of(self, request: Any) -> tuple[str, str]:
        """The labels of a received message; its task name is untrusted."""
        task = request.task
        return task.name, _queue_of(task, request.delivery_info)

    def _labels(self, task: Any) -> tuple[str, str]:
        return task.name, _queue_of(task, task.request.delivery_info)


def _current_task() -> Any:
    # Checking the proxy itself takes several times as long.
    proxy: Any = current_task
    return proxy._get_current_object()  # noqa: SLF001 - the documented way of werkzeug's proxies


def _queue_of(task: Any, delivery: Mapping[str, Any] | None) -> str:
    """The queue of a message, which may have any routing key."""
    routing_key = (delivery or {}).get("routing_key")
    return routing_key if isinstance(routing_key, str) else _route(task)


@cache
def _route(task: Any) -> str:
    name: str = task.app.amqp.router.route({}, task.name)["queue"].name
    return name


_KNOWN = {error: error.__name__ for error in TASK_ERRORS}


def _class_of(error: BaseException) -> str:
    """The name of an error's class, or of its nearest known base class; else `other`."""
    return next((_KNOWN[base] for base in type(error).__mro__ if base in _KNOWN), OTHER)
