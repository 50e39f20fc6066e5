"""What it costs to log at INFO, and to trace a tenth, against doing neither.

What it adds to an interview is measured with stages that take no time, where nothing hides it: it
is some milliseconds. A recording takes seconds, which on one machine differ by a tenth from one
interview to the next, so that a direct comparison tells nothing; both are measured in one run.
"""

import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.orchestration import WORKERS, ours
from tests.samples import TECHNICAL
from tests.stack import RunningStack, running_stack, wait_for
from worker.local.embedded.servers import EmbeddedServers

_LEAST = 0.97
_RECORDINGS = 5
_ROUNDS = 5
_PARTICULARS = {
    "type": "technical",
    "candidate": {"name": "A", "email": "a@example.com"},
    "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
}
_WHAT = {"logs": "logging at INFO", "traces": "tracing a tenth"}


def rows() -> Iterator[tuple[str, str, str, str, bool]]:
    """The instant pipeline silent, logging and tracing, and what that is of a real interview."""
    with _sink() as sink:
        rounds = _instant_rounds(sink)
    recording = _recording_seconds()
    silent = statistics.median(found["silent"] for found in rounds)
    for name, what in _WHAT.items():
        measured = statistics.median(found[name] for found in rounds)
        share = statistics.median(found[name] / found["silent"] for found in rounds)
        yield (
            f"instant stages, documents in Redis, {what}",
            f"{measured:.0f} interviews a second",
            f"without: {silent:.0f}",
            f"{share:.2f} (to show what lines and spans cost)",
            True,
        )
        added = statistics.median(
            WORKERS / found[name] - WORKERS / found["silent"] for found in rounds
        )
        ratio = recording / (recording + added)
        yield (
            f"a recording of 55 s, {what}",
            f"{1000 * added:.1f} ms of a worker's time more",
            f"without: {recording:.2f} s",
            f"{ratio:.3f} (at least {_LEAST:g})",
            ratio >= _LEAST,
        )


def _instant_rounds(sink: str) -> list[dict[str, float]]:
    """Interviews a second, in alternating rounds."""
    with (
        tempfile.TemporaryDirectory() as place,
        EmbeddedServers(Path(place), {"valkey"}) as servers,
    ):
        url = servers["REDIS_URL"]
        return [
            {
                "silent": ours(url, documents=True),
                "logs": ours(url, documents=True, BENCHMARK_LOGS="yes"),
                "traces": ours(url, documents=True, BENCHMARK_TRACES=sink),
            }
            for _ in range(_ROUNDS)
        ]


def _recording_seconds() -> float:
    """What the demo's recording takes on a stack that tells nothing."""
    with (
        tempfile.TemporaryDirectory() as place,
        running_stack(
            Path(place),
            LOG_LEVEL="ERROR",
            TRANSCRIBE_CONCURRENCY="1",
            ANALYSE_CONCURRENCY="1",
        ) as running,
    ):
        _one_recording(running)  # loads the models
        return statistics.median(_one_recording(running) for _ in range(_RECORDINGS))


def _one_recording(running: RunningStack) -> float:
    """Seconds from the beginning of the first stage of an interview to its end."""
    interview = wait_for(running.api, running.api.submit(TECHNICAL, _PARTICULARS).id, timeout=120)
    moments: list[datetime] = [
        moment
        for record in interview.stages.values()
        for moment in (record.started_at, record.finished_at)
        if moment is not None
    ]
    return (max(moments) - min(moments)).total_seconds()


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
