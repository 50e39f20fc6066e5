"""Traces: one for each interview, from the request to the calendar, by OpenTelemetry.

The trace of an interview begins with the request that brought it. Messages carry it from stage to
stage; the document keeps it, for what is published from the outbox and for what the reconciler
sends on its way again.
"""

from monitoring.tracing.context import continuing, current_traceparent, describe, trace_ids

__all__ = ["continuing", "current_traceparent", "describe", "trace_ids"]
