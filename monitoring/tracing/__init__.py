"""Traces: one for each interview, from the request to the calendar, by OpenTelemetry.

The trace of an interview begins with the request that brought it. Messages carry it from stage to
stage; the document keeps it, for what is published from the outbox and for what the reconciler
sends on its way again.
"""
