"""Responses of Jaeger's `/api/traces` for the spans of a collector."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.otlp import Collector, SeenSpan


@contextmanager
def jaeger(collected: Collector) -> Iterator[str]:
    """Serve on a free port for the duration of the context; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            assert query["service"] == ["interview-worker"]
            # Without it, Jaeger searches two days back; it knows no `lookback` here.
            start = int(query["start"][0]) * 1000
            wanted = json.loads(query["tags"][0]).items()
            found = [
                {"traceID": trace, "spans": [_span(span) for span in spans]}
                for trace, spans in collected.traces().items()
                if any(wanted <= span.attributes.items() and span.start >= start for span in spans)
            ]
            body = json.dumps({"data": found, "total": 0, "errors": None}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _span(span: SeenSpan) -> dict[str, Any]:
    tags = [{"key": name, "value": value} for name, value in span.attributes.items()]
    if span.is_error:
        tags.append({"key": "error", "type": "bool", "value": True})
    return {
        "traceID": span.trace_id,
        "spanID": span.id,
        "operationName": span.name,
        "startTime": span.start // 1000,
        "duration": (span.end - span.start) // 1000,
        "tags": tags,
    }
