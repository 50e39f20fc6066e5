"""The locust user of the load test.

It runs in locust's own environment, so it cannot import anything of this project.
"""

import json
import os
import random
from pathlib import Path

from locust import FastHttpUser, between, task

_PATH = "/api/v1/interviews"
_RECORDING = Path(os.environ["LOAD_RECORDING"]).read_bytes()
_QUEUED, _DONE = (os.environ[name].split(",") for name in ("LOAD_QUEUED", "LOAD_DONE"))
_PARTICULARS = json.dumps(
    {
        "type": "technical",
        "candidate": {"name": "A", "email": "a@example.com"},
        "analyses": [],
    }
)


class Client(FastHttpUser):
    """A user of the API who sends a request about every second."""

    wait_time = between(0.5, 1.5)

    @task(2)
    def submit(self) -> None:
        """Submit a small recording. Its name controls the worker's scripted providers."""
        files = {"audio": ("pass-none-load.flac", _RECORDING)}
        self.client.post(_PATH, data={"interview": _PARTICULARS}, files=files)

    @task(4)
    def show(self) -> None:
        """Get an interview."""
        self.client.get(f"{_PATH}/{random.choice(_QUEUED)}", name="one")

    @task(2)
    def list_newest(self) -> None:
        """List the newest interviews."""
        self.client.get(f"{_PATH}?limit=20", name="list")

    @task(2)
    def transcript(self) -> None:
        """Get a transcript."""
        self.client.get(f"{_PATH}/{random.choice(_DONE)}/transcript", name="transcript")
