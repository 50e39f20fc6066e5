"""The real service under constant load."""

import contextlib
import sys
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import httpx2
import numpy as np

from tasks.errors import InterviewWorkerError
from tests.alerting.live.worker import HELD
from tests.processes import ROOT
from tests.stack import RunningStack, running_services
from worker.cli.client import ApiClient
from worker.local.stack import Stack, is_answering, services
from worker.local.supervisor import Service

_PACE = 0.5
"""Seconds between two submissions."""


@dataclass(frozen=True)
class Place:
    """The stack, and its files.

    Attributes:
        running: The stack.
        notes: The directory of recordings and of the file `held`.
        clip: The recording that all interviews share.
    """

    running: RunningStack
    notes: Path
    clip: Path

    def submit(self, what: str, number: int) -> str:
        """Submit an interview with a scripted outcome; see `tests.alerting.live.worker`."""
        recording = self.notes / f"{what}-{number}.wav"
        with contextlib.suppress(FileExistsError):
            recording.hardlink_to(self.clip)
        submission = {
            "type": "technical",
            "candidate": {"name": "A", "email": f"a{number % 7}@example.com"},
            "interviewers": [{"name": "B", "email": f"b{number % 5}@example.com"}],
            "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
        }
        settings = self.running.stack.settings
        reach = settings.with_environment({"API_URL": self.running.stack.api_url})
        with ApiClient(reach) as api:
            return str(api.submit(recording, submission).id)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Block the transcriptions `hang` and `hog` for the duration of the context."""
        file = self.notes / HELD
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Send requests continuously, ignoring failures, for the duration of the context."""
        stop = threading.Event()
        thread = threading.Thread(target=self._use, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _use(self, stop: threading.Event) -> None:
        with httpx2.Client(trust_env=False, timeout=10) as client:
            for number in count():
                if stop.wait(_PACE):
                    return
                with contextlib.suppress(InterviewWorkerError):
                    self.submit("go", number)
                for _ in range(2):
                    with contextlib.suppress(httpx2.HTTPError):
                        client.get(f"{self.running.stack.api_url}/api/v1/interviews?limit=5")


@contextmanager
def used_stack(place: Path) -> Iterator[Place]:
    """Run the sidecar and a scripted worker on embedded servers."""
    notes = place / "notes"
    notes.mkdir(parents=True)
    environment = {"RETRY_BACKOFF": "0.1", "CIRCUIT_SECONDS": "2", "LEASE_SECONDS": "3"}
    with running_services(place / "data", partial(_services, notes), **environment) as running:
        yield Place(running, notes, _clip(place))


def _services(notes: Path, stack: Stack) -> list[Service]:
    sidecar, worker, *_ = services(stack, flower=False)
    argv = [sys.executable, "-m", "tests.alerting.live.worker", str(notes)]
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    ready = is_answering(stack, "all")
    return [sidecar, replace(worker, name="worker-all", argv=argv, env=environment, ready=ready)]


def _clip(place: Path) -> Path:
    path = place / "clip.wav"
    samples = np.random.default_rng(3).normal(0, 1000, 16000).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return path
