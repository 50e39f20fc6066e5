"""Access to the current trace, with negligible cost if tracing is off."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tasks.context import AttributeValue

HEADER = "traceparent"

_PROPAGATOR = TraceContextTextMapPropagator()

_ATTRIBUTES = {
    "interview_id": "interview.id",
    "attempt": "interview.attempt",
    "request_id": "http.request.header.x-request-id",
}
"""Contextual attributes that are set on spans, and their names there."""


def current_traceparent() -> str | None:
    """The current position in the trace (W3C Trace Context 1, section 3.2); None outside one."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get(HEADER)


@contextmanager
def continue_trace(traceparent: str | None) -> Iterator[None]:
    """Continue a trace for the duration of the context.

    Args:
        traceparent: The position in it; None to keep the current trace.
    """
    if traceparent is None:
        yield
        return
    token = context.attach(_PROPAGATOR.extract({HEADER: traceparent}))
    try:
        yield
    finally:
        context.detach(token)


def trace_ids() -> tuple[str, str] | None:
    """The ids of the current trace and span, in hexadecimal; None outside a trace."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return None
    return trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)


def attributes_of(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Convert contextual attributes to span attributes."""
    return {_ATTRIBUTES[name]: value for name, value in attributes.items() if name in _ATTRIBUTES}


def describe(attributes: Mapping[str, AttributeValue]) -> None:
    """Set attributes on the current span that were not known at its start."""
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes(attributes_of(attributes))
