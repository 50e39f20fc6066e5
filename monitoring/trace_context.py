"""Which trace the work at hand belongs to; costs next to nothing where nobody traces."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tasks.context import AttributeValue

HEADER = "traceparent"

_FORM = TraceContextTextMapPropagator()

_ATTRIBUTES = {
    "interview_id": "interview.id",
    "attempt": "interview.attempt",
    "request_id": "http.request.header.x-request-id",
}
"""Facts of the context that spans have as attributes, and the names they have there."""


def current_traceparent() -> str | None:
    """The position in the trace at hand (W3C Trace Context 1, section 3.2); None outside of any."""
    carrier: dict[str, str] = {}
    _FORM.inject(carrier)
    return carrier.get(HEADER)


@contextmanager
def continue_trace(traceparent: str | None) -> Iterator[None]:
    """Go on with a trace, for as long as the context lasts.

    Args:
        traceparent: The position in it; None for no trace but the one at hand.
    """
    if traceparent is None:
        yield
        return
    token = context.attach(_FORM.extract({HEADER: traceparent}))
    try:
        yield
    finally:
        context.detach(token)


def trace_ids() -> tuple[str, str] | None:
    """The ids of the trace and the span at hand, in hexadecimal; None outside of any."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return None
    return trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)


def attributes_of(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """What spans tell of the context's facts."""
    return {_ATTRIBUTES[name]: value for name, value in attributes.items() if name in _ATTRIBUTES}


def describe(attributes: Mapping[str, AttributeValue]) -> None:
    """Tell the span at hand what it is about, where that became known after its start."""
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes(attributes_of(attributes))
