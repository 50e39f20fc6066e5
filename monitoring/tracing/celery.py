"""Spans of Celery messages, named by OpenTelemetry's conventions, and of their wait in the queue.

Celery's instrumentation creates a span for each publication and each run, and propagates the trace.
Its names predate the conventions, and it does not record how long a message waited in its queue.
See "Semantic conventions for messaging spans", opentelemetry.io.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from celery import signals
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from monitoring.celery_signals import connected
from monitoring.headers import PUBLISHED_AT
from monitoring.trace_context import HEADER

_SYSTEM = "celery"
_NANOSECONDS = 1_000_000_000


@contextmanager
def describe_spans(tracer: Tracer) -> Iterator[None]:
    """Describe the spans of Celery's instrumentation, which must be installed already."""
    waits = _WaitSpans(tracer)
    with ExitStack() as stack:
        stack.enter_context(connected(signals.before_task_publish, _publishing))
        stack.enter_context(connected(signals.task_prerun, waits.running))
        yield


def _publishing(*, routing_key: str, **_: object) -> None:
    _describe("send", routing_key)


class _WaitSpans:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def running(self, *, task: Any, **_: object) -> None:
        request = task.request
        queue = (request.delivery_info or {}).get("routing_key") or task.name
        _describe("process", queue)
        published = request.get(PUBLISHED_AT)
        if isinstance(published, float | int) and trace.get_current_span().is_recording():
            self._wait(queue, published, request.get(HEADER))

    def _wait(self, queue: str, published: float, traceparent: str | None) -> None:
        # A sibling of the run's span, which begins when the wait ends.
        parent = TraceContextTextMapPropagator().extract({HEADER: traceparent or ""})
        start, end = round(published * _NANOSECONDS), time.time_ns()
        span = self._tracer.start_span(
            f"wait {queue}",
            context=parent,
            kind=SpanKind.INTERNAL,
            attributes={"messaging.destination.name": queue},
            start_time=min(start, end),
        )
        span.end(end)


def _describe(operation: str, queue: str) -> None:
    span = trace.get_current_span()
    if span.is_recording():
        span.update_name(f"{operation} {queue}")
        span.set_attributes(
            {
                "messaging.system": _SYSTEM,
                "messaging.operation.name": operation,
                "messaging.operation.type": operation,
                "messaging.destination.name": queue,
            }
        )
