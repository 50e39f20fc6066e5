"""Redaction of spans by an allowlist, because instrumentations may add any attribute."""

from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.util.types import Attributes, AttributeValue

from monitoring.redaction import redact

ALLOWED_PREFIXES = (
    "interview.",
    "messaging.",
    "gen_ai.",
    "db.",
    "http.request.method",
    "http.request.header.x-request-id",
    "http.response.status_code",
    "http.route",
    "http.method",
    "http.status_code",
    "celery.action",
    "celery.state",
    "error.type",
    "exception.type",
    "peer.service",
)
"""Prefixes of allowed attributes, which hold no addresses, paths or texts."""

_MAX_LENGTH = 200
"""Maximum length of a value; ids, internal names and numbers are shorter."""


class RedactingExporter(SpanExporter):
    """Exports spans through another exporter, without unlisted attributes.

    Args:
        exporter: The exporter.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export redacted copies of spans."""
        return self._exporter.export([_redacted(span) for span in spans])

    def shutdown(self) -> None:
        """Shut down the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export pending spans."""
        return self._exporter.force_flush(timeout_millis)


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_allowed_attributes(span.attributes),
        events=[_redacted_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        # The description would be an exception's message.
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _redacted_event(event: Event) -> Event:
    return Event(event.name, _allowed_attributes(event.attributes), event.timestamp)


def _allowed_attributes(attributes: Attributes) -> dict[str, AttributeValue]:
    known: Mapping[str, AttributeValue] = attributes or {}
    return {
        name: redact(value)[:_MAX_LENGTH] if isinstance(value, str) else value
        for name, value in known.items()
        if name.startswith(ALLOWED_PREFIXES)
    }
