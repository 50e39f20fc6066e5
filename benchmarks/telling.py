"""What it costs to log at INFO, and to trace a tenth, against doing neither."""

import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.orchestration import ours
from worker.embedded.servers import EmbeddedServers

_ROUNDS = 7
_LEAST = 0.97


def rows() -> Iterator[tuple[str, str, str, str, bool]]:
    """The pipeline with instant stages and documents in Redis, silent, logging and tracing."""
    with (
        tempfile.TemporaryDirectory() as place,
        EmbeddedServers(Path(place), {"valkey"}) as servers,
        _sink() as sink,
    ):
        url = servers["REDIS_URL"]
        rounds = [
            (
                ours(url, BENCHMARK_DOCUMENTS="yes"),
                ours(url, BENCHMARK_DOCUMENTS="yes", BENCHMARK_LOGS="yes"),
                ours(url, BENCHMARK_DOCUMENTS="yes", BENCHMARK_TRACES=sink),
            )
            for _ in range(_ROUNDS)
        ]
    silent = statistics.median(off for off, _, _ in rounds)
    for number, what in ((1, "logging at INFO"), (2, "tracing a tenth")):
        ratio = statistics.median(found[number] / found[0] for found in rounds)
        told = statistics.median(found[number] for found in rounds)
        yield (
            f"instant pipeline with documents in Redis, {what}",
            f"{told:.0f} interviews a second",
            f"without: {silent:.0f}",
            f"{ratio:.2f} (at least {_LEAST:g})",
            ratio >= _LEAST,
        )


@contextmanager
def _sink() -> Iterator[str]:
    """A collector that takes spans and does nothing with them; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
