"""The cost of logging at INFO and of tracing a tenth of the interviews.

The added time per interview, a few milliseconds, is measured with instant stages. A real recording
takes seconds, which vary by 10 % between runs, so a direct comparison would be meaningless. The
duration of a real recording is measured in the same run, to put the added time into proportion.
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
    """The cost with instant stages, and the same relative to a real interview."""
    with _sink() as sink:
        rounds = _instant_rounds(sink)
    recording = _recording_seconds()
    silent = statistics.median(found["silent"] for found in rounds)
    for name, what in _WHAT.items():
        measured = statistics.median(found[name] for found in rounds)
        share = statistics.median(found[name] / found["silent"] for found in rounds)
        yield (
            f"instant stages, documents in Redis, {what}",
            f"{measured:.0f} interviews/s",
            f"without: {silent:.0f}",
            f"{share:.2f} (no target: cost of log lines and spans)",
            True,
        )
        added = statistics.median(
            WORKERS / found[name] - WORKERS / found["silent"] for found in rounds
        )
        ratio = recording / (recording + added)
        yield (
            f"a recording of 55 s, {what}",
            f"{1000 * added:.1f} ms added",
            f"without: {recording:.2f} s",
            f"{ratio:.3f} (at least {_LEAST:g})",
            ratio >= _LEAST,
        )


def _instant_rounds(sink: str) -> list[dict[str, float]]:
    """Interviews per second, in alternating rounds."""
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
    """Seconds for the bundled recording on a stack without logs and traces."""
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
    """Seconds from the start of an interview's first stage to the end of its last."""
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
    """Run a collector that discards spans; yields its URL."""

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
