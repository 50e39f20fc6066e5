"""A collector of traces: OTLP over HTTP, as protobuf."""

import gzip
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

KINDS = Span.SpanKind


@dataclass(frozen=True)
class SeenSpan:
    """A received span."""

    trace_id: str
    id: str
    parent: str
    name: str
    kind: int
    start: int
    end: int
    is_error: bool
    attributes: dict[str, Any]
    events: tuple[str, ...]
    instance: str
    raw: Span


@dataclass
class Collector:
    """The spans received so far."""

    url: str
    spans: list[SeenSpan] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def traces(self) -> dict[str, list[SeenSpan]]:
        found: defaultdict[str, list[SeenSpan]] = defaultdict(list)
        for span in list(self.spans):
            found[span.trace_id].append(span)
        return dict(found)

    def of(self, interview_id: str) -> list[SeenSpan]:
        """The spans of the trace that starts with an interview's submission, in order of time."""
        (trace,) = {
            one.trace_id
            for one in self.named("POST /api/v1/interviews")
            if one.attributes.get("interview.id") == interview_id
        }
        return sorted(self.traces()[trace], key=lambda span: span.start)

    def named(self, name: str) -> list[SeenSpan]:
        return [one for one in list(self.spans) if one.name == name]


@contextmanager
def collector() -> Iterator[Collector]:
    """Collect traces on a free port for the duration of the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.headers.update(self.headers)
            assert self.path == "/v1/traces"
            found.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(request: ExportTraceServiceRequest) -> Iterator[SeenSpan]:
    for resource in request.resource_spans:
        instance = _values(resource.resource.attributes)["service.instance.id"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield SeenSpan(
                    trace_id=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    name=span.name,
                    kind=span.kind,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    is_error=span.status.code == Status.STATUS_CODE_ERROR,
                    attributes=_values(span.attributes),
                    events=tuple(event.name for event in span.events),
                    instance=instance,
                    raw=span,
                )


def _values(attributes: Sequence[Any]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
