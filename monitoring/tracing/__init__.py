"""Tracing by OpenTelemetry: one trace per interview, from the request to the calendar.

The trace of an interview begins with the request that submitted it. Messages carry it from stage to
stage; the document stores it, for events published from the outbox and for messages that the
reconciler dispatches again.
"""
