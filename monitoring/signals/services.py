"""Metrics of calendars, external services, callbacks and Kafka."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from tasks import signals
from tasks.signals import (
    CalendarCalled,
    CallbackEnded,
    RecordConsumed,
    RecordProduced,
    ServiceCalled,
)

_ERROR = "error"

_UNUSABLE_STATUSES = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Statuses below 500 that mean a service is unusable; others, such as 404, are regular answers."""


@contextmanager
def connected(recorder: Recorder) -> Iterator[None]:
    """Record these signals for the duration of the context."""
    listener = _Services(recorder)
    with ExitStack() as stack:
        stack.enter_context(signals.calendar_called.connected(listener.calendar_called))
        stack.enter_context(signals.service_called.connected(listener.service_called))
        stack.enter_context(signals.callback_ended.connected(listener.callback_ended))
        stack.enter_context(signals.record_produced.connected(listener.record_produced))
        stack.enter_context(signals.record_consumed.connected(listener.record_consumed))
        yield


class _Services:
    def __init__(self, recorder: Recorder) -> None:
        self._count = recorder.count
        self._observe = recorder.observe

    def calendar_called(self, event: CalendarCalled) -> None:
        self._count(metrics.CALENDAR_CALLS, event.provider, _outcome(event.succeeded))

    def service_called(self, event: ServiceCalled) -> None:
        status = _ERROR if event.status is None else str(event.status)
        self._observe(
            metrics.EXTERNAL_DURATION, event.seconds, event.service, event.endpoint, status
        )
        if event.status is None or _is_failure(event.status):
            self._count(metrics.EXTERNAL_ERRORS, event.service)

    def callback_ended(self, event: CallbackEnded) -> None:
        self._count(metrics.CALLBACKS, event.status)

    def record_produced(self, event: RecordProduced) -> None:
        self._count(metrics.KAFKA_PRODUCED, event.topic, _outcome(event.succeeded))

    def record_consumed(self, event: RecordConsumed) -> None:
        self._count(metrics.KAFKA_CONSUMED, event.topic, event.status)


def _is_failure(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _UNUSABLE_STATUSES


def _outcome(succeeded: bool) -> str:
    return "success" if succeeded else _ERROR
