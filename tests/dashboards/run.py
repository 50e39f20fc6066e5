"""A run of the real service that produces data for every panel."""

import random
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from monitoring import metrics
from monitoring.stack.grafana.preview.source import Source, Window
from tasks.interviews.interview import Status
from tests.dashboards.prometheus import scraping
from tests.kafka import write
from tests.processes import ROOT, wait_until
from tests.stack import RunningStack, running_services
from worker.local.stack import Stack, is_answering, services
from worker.local.supervisor import Service

_TYPES = ("screening", "technical", "behavioural")
_PARTS = ("sentiment", "competency", "overall")
_INTERVAL = 1
"""Seconds between two scrapes."""
_OPEN = 12
"""Number of interviews in progress at the same time."""
_FEWEST = 30
"""Minimum number of submitted interviews, even on a slow machine."""


@contextmanager
def watched_run(place: Path, *, seconds: float) -> Iterator[Source]:
    """Monitor a run with a Prometheus; yields a source with the time range of the run.

    Args:
        place: The directory for data.
        seconds: Seconds for which interviews are submitted.
    """
    with running_services(
        place / "data", _services, RETRY_BACKOFF="0.5", MAX_ATTEMPTS="4", CIRCUIT_SECONDS="5"
    ) as running:
        jobs = {
            "interview-worker": running.stack.api_url.removeprefix("http://"),
            "interview-worker-mongodb": f"127.0.0.1:{running.settings.mongodb_metrics_port}",
        }
        with scraping(jobs, place, interval=_INTERVAL) as url:
            started = time.time()
            _work(running, place, started + seconds)
            _settle(url)
            window = Window(started, time.time(), 2 * _INTERVAL, 10 * _INTERVAL)
            yield Source(url, window, {"job": "interview-worker", "instance": ".+"})


def _services(stack: Stack) -> list[Service]:
    """The sidecar, and a worker with providers that fail occasionally."""
    sidecar, worker, *_ = services(stack, flower=False)
    argv = [sys.executable, "-m", "tests.dashboards.worker"]
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    ready = is_answering(stack, "all")
    return [sidecar, replace(worker, name="worker-all", argv=argv, env=environment, ready=ready)]


def _work(running: RunningStack, place: Path, until: float) -> None:
    """Submit interviews in waves, read some of them, and give feedback on their analyses."""
    chance = random.Random(6)
    servers = running.settings.kafka_bootstrap_servers
    assert servers is not None
    ids: list[str] = []
    while time.time() < until or len(ids) < _FEWEST:
        for _ in range(chance.choice((1, 1, 2, 6))):
            ids.append(_submit(running, _recording(place, len(ids), chance), len(ids)))
        if chance.random() < 0.2:
            running.api.act(ids[-1], "cancel")
        write(servers, running.settings.kafka_requests_topic, b"not a request")
        _look_around(running, ids, chance)
        for one in ids[-_OPEN - 3 : -_OPEN]:
            _finished(running, one)
            _agree(running, one, chance)
    for one in ids[-_OPEN:]:
        _finished(running, one)
        _agree(running, one, chance)


def _finished(running: RunningStack, interview: str) -> None:
    wait_until(lambda: running.api.get(interview).status.final, 120, interval=0.5)


def _recording(place: Path, number: int, chance: random.Random) -> Path:
    """Write a few seconds of a voice-like hum, with noise and silence."""
    path = place / f"{number}.wav"
    rng = np.random.default_rng(number)
    moments = np.arange(16000 * chance.randrange(3, 20)) / 16000
    loud = np.sin(2 * np.pi * 0.3 * moments) > chance.uniform(-0.9, 0.2)
    hum = np.sin(2 * np.pi * 180 * moments) * loud * chance.uniform(6000, 45000)
    noise = rng.normal(0, chance.uniform(20, 900), moments.size)
    samples = np.clip(hum + noise, -32768, 32767).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return path


def _submit(running: RunningStack, recording: Path, number: int) -> str:
    particulars: dict[str, Any] = {
        "type": _TYPES[number % 3],
        "candidate": {"name": "A Person", "email": f"a{number}@example.com"},
        "interviewers": [{"name": "B Person", "email": f"b{number % 5}@example.com"}],
        "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
        "priority": ("low", "normal", "high")[number % 3],
    }
    return str(running.api.submit(recording, particulars).id)


def _look_around(running: RunningStack, ids: list[str], chance: random.Random) -> None:
    url = f"{running.stack.api_url}/api/v1/interviews"
    for path in (f"/{chance.choice(ids)}", "", "/00000000-0000-0000-0000-000000000000"):
        httpx2.get(url + path, trust_env=False)


def _agree(running: RunningStack, interview: str, chance: random.Random) -> None:
    if running.api.get(interview).status is not Status.COMPLETED:
        return
    for part in _PARTS:
        opinion = {"type": part, "agrees": chance.random() < 0.85, "by": "A Reviewer"}
        running.api.give_feedback(interview, opinion)


def _settle(url: str) -> None:
    """Wait until Prometheus has scraped the last events and the next count of the feedback."""
    rate = f"sum(rate({metrics.INTERVIEWS.name}[5s]))"
    wait_until(lambda: _value(url, rate) == "0", 60, interval=0.5)
    # The last point of a panel may be a step before the end.
    agreement = f"sum({metrics.REVIEW_AGREEMENT.name} offset {3 * _INTERVAL}s)"
    wait_until(lambda: _value(url, agreement), 90, interval=0.5)


def _value(url: str, query: str) -> str | None:
    """The value of the first sample of a query; None if there is none."""
    found = httpx2.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False)
    found.raise_for_status()
    samples: list[dict[str, Any]] = found.json()["data"]["result"]
    return str(samples[0]["value"][1]) if samples else None
