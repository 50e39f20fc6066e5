"""Upload latency of the API with a deep queue."""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2

from tasks.interviews.interview import Priority, Stage
from tests.samples import TECHNICAL
from worker.adapters.broker import CeleryDispatcher
from worker.celery_app.config import create_app
from worker.local.stack import open_stack, services
from worker.local.supervisor import Supervisor
from worker.settings import Settings

_WANTED = 0.050
_DEPTH = 10_000
_UPLOADS = 200
_SIZE = 1 << 20


def rows() -> Iterator[tuple[str, str, str, str, bool]]:
    """The 95th percentile latency of 1 MB uploads, compared with empty queues."""
    with tempfile.TemporaryDirectory() as place:
        settings = Settings().with_environment(
            {
                "DATA_DIR": place,
                "API_PORT": "0",
                "MONGODB_METRICS_PORT": "0",
                "RATE_LIMIT": "0",
            }
        )
        recording = _recording(Path(place))
        with open_stack(settings) as stack:
            sidecar = [one for one in services(stack, flower=False) if one.name == "server"]
            with Supervisor(sidecar, log_dir=stack.log_dir):
                empty = _p95(stack.api_url, recording)
                _fill(stack.settings)
                deep = _p95(stack.api_url, recording)
    yield (
        f"202 for an upload of 1 MB, queue {_DEPTH} deep, p95",
        f"{deep * 1000:.0f} ms",
        f"empty queue: {empty * 1000:.0f} ms",
        f"{deep / empty:.2f} (and under {_WANTED * 1000:.0f} ms)",
        deep < _WANTED,
    )


def _recording(place: Path) -> Path:
    # A FLAC stream may be followed by padding of any length: pad it to exactly one megabyte.
    path = place / "recording.flac"
    content = TECHNICAL.read_bytes()
    path.write_bytes(content + bytes(_SIZE - len(content)))
    return path


def _fill(settings: Settings) -> None:
    dispatcher = CeleryDispatcher(create_app(settings))
    for _ in range(_DEPTH):
        dispatcher.dispatch(str(uuid4()), Stage.TRANSCRIBE, Priority.NORMAL)


def _p95(url: str, recording: Path) -> float:
    body = {"type": "technical", "candidate": {"name": "A", "email": "a@example.com"}}
    interview = json.dumps({**body, "analyses": []})
    content = recording.read_bytes()
    taken = []
    with httpx2.Client(base_url=url, timeout=30) as client:
        for _ in range(_UPLOADS):
            started = time.perf_counter()
            answer = client.post(
                "/api/v1/interviews",
                data={"interview": interview},
                files={"audio": (recording.name, content)},
            )
            taken.append(time.perf_counter() - started)
            answer.raise_for_status()
    return statistics.quantiles(taken, n=20)[-1]
