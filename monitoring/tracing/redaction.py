"""What a span must not say: it goes by what is allowed, as instrumentations add what they like."""

from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.util.types import Attributes, AttributeValue

from monitoring.redaction import masked

_ALLOWED = (
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
"""How the names of attributes begin that are told; not addresses, paths and texts."""

_LONGEST = 200
"""Characters of a value: what is told is ids, names of ours and numbers."""


class Harmless(SpanExporter):
    """Exports spans by another exporter, without what they must not say.

    Args:
        exporter: Takes the spans.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export copies of spans."""
        return self._exporter.export([_harmless(span) for span in spans])

    def shutdown(self) -> None:
        """Close the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what waits."""
        return self._exporter.force_flush(timeout_millis)


def _harmless(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_told(span.attributes),
        events=[_harmless_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        # Its description would be the text of an exception.
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _harmless_event(event: Event) -> Event:
    return Event(event.name, _told(event.attributes), event.timestamp)


def _told(attributes: Attributes) -> dict[str, AttributeValue]:
    known: Mapping[str, AttributeValue] = attributes or {}
    return {
        name: masked(value)[:_LONGEST] if isinstance(value, str) else value
        for name, value in known.items()
        if name.startswith(_ALLOWED)
    }
