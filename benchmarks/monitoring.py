"""The cost of monitoring and of a scrape."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
from redis import Redis

from benchmarks.orchestration import ours
from monitoring.metrics.directory import joined
from monitoring.metrics.exposition import Exposition
from monitoring.metrics.recording import RecordedMetrics
from tasks.interviews.interview import Priority, Stage
from tests.monitoring.plain_worker import NOTHING, create, plain_worker
from worker.adapters.broker import CeleryDispatcher
from worker.celery_app.config import create_app
from worker.local.embedded.servers import EmbeddedServers
from worker.local.processes.child import stop_all
from worker.local.processes.ports import free_port
from worker.local.stack import open_stack, services
from worker.local.supervisor import Supervisor
from worker.settings import Settings

Row = tuple[str, str, str, str, bool]

_ROUNDS = 5
_SCRAPES = 100
_DEPTH = 10_000
_RECYCLES = 500
_LEAST = 0.97
_DEEP = 1.2
_CHURNED = 1.5


def rows() -> Iterator[Row]:
    """Monitored throughput, a scrape with a deep queue, and a scrape after many children."""
    yield from _monitored()
    yield _deep()
    yield _churned()


def _monitored() -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory() as place,
        EmbeddedServers(Path(place), {"valkey"}) as servers,
    ):
        url = servers["REDIS_URL"]
        figures = Path(place) / "metrics"
        with joined(figures):
            rounds = [
                (ours(url), ours(url, BENCHMARK_METRICS=str(figures)), _with_flower(url))
                for _ in range(_ROUNDS)
            ]
    off, on, events = (statistics.median(found) for found in zip(*rounds, strict=True))
    ratio = statistics.median(one / other for other, one, _ in rounds)
    flower = statistics.median(one / other for other, _, one in rounds)
    yield (
        "instant pipeline, monitored",
        f"{on:.0f} interviews/s",
        f"without monitoring: {off:.0f}",
        f"{ratio:.2f} (at least {_LEAST:g})",
        ratio >= _LEAST,
    )
    yield (
        "the same with events and Flower instead",
        f"{events:.0f} interviews/s",
        f"without: {off:.0f}",
        f"{flower:.2f} (below monitoring)",
        flower < ratio,
    )


def _with_flower(url: str) -> float:
    command = [sys.executable, "-m", "celery", f"--broker={url}", "flower"]
    flower = subprocess.Popen(
        [*command, "--address=127.0.0.1", f"--port={free_port()}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return ours(url, "--events")
    finally:
        flower.terminate()
        flower.wait()


def _deep() -> Row:
    with tempfile.TemporaryDirectory() as place:
        settings = Settings().with_environment(
            {"DATA_DIR": place, "API_PORT": "0", "MONGODB_METRICS_PORT": "0"}
        )
        with open_stack(settings) as stack:
            sidecar = [one for one in services(stack, flower=False) if one.name == "server"]
            with Supervisor(sidecar, log_dir=stack.log_dir):
                url = f"{stack.api_url}/metrics"
                # Alternating, because the speed of a machine drifts.
                pairs = [(_scrapes(url), _filled(stack.settings, url)) for _ in range(3)]
    ratio = statistics.median(deep / empty for empty, deep in pairs)
    empty, deep = (statistics.median(found) for found in zip(*pairs, strict=True))
    return (
        f"a scrape, {_DEPTH} interviews queued",
        f"{deep * 1000:.1f} ms",
        f"empty queue: {empty * 1000:.1f} ms",
        f"{ratio:.2f} (under {_DEEP})",
        ratio < _DEEP,
    )


def _filled(settings: Settings, url: str) -> float:
    dispatcher = CeleryDispatcher(create_app(settings))
    for _ in range(_DEPTH):
        dispatcher.dispatch(str(uuid4()), Stage.TRANSCRIBE, Priority.NORMAL)
    taken = _scrapes(url)
    address = settings.redis_url.get_secret_value() if settings.redis_url else ""
    with Redis.from_url(address) as broker:
        broker.flushdb()
    return taken


def _scrapes(url: str) -> float:
    with httpx2.Client() as client:
        return statistics.median(_timed(client, url) for _ in range(_SCRAPES))


def _timed(client: httpx2.Client, url: str) -> float:
    started = time.perf_counter()
    client.get(url).raise_for_status()
    return time.perf_counter() - started


def _churned() -> Row:
    with (
        tempfile.TemporaryDirectory() as place,
        EmbeddedServers(Path(place) / "valkey", {"valkey"}) as servers,
        joined(Path(place) / "metrics"),
    ):
        app = create(servers["REDIS_URL"])
        figures = Path(place) / "metrics"
        worker = plain_worker(app, figures, "w", "--concurrency=2", "--max-tasks-per-child=1")
        worker.start()
        try:
            taken = []
            for count in (10, _RECYCLES):
                for _ in range(count):
                    app.send_task(NOTHING, queue=NOTHING)
                _wait_until_idle(servers["REDIS_URL"])
                taken.append(statistics.median(_read(figures) for _ in range(_SCRAPES)))
        finally:
            stop_all([worker], 10)
        files = len(list(figures.glob("*.db")))
    ratio = taken[1] / taken[0]
    return (
        f"reading metrics after {_RECYCLES} replaced children",
        f"{taken[1] * 1000:.1f} ms, {files} files",
        f"at the start: {taken[0] * 1000:.1f} ms",
        f"{ratio:.2f} (under {_CHURNED})",
        ratio < _CHURNED,
    )


def _wait_until_idle(url: str) -> None:
    with Redis.from_url(url) as broker:
        while broker.llen(NOTHING) or broker.hlen("unacked"):
            time.sleep(0.2)


def _read(figures: Path) -> float:
    started = time.perf_counter()
    Exposition([RecordedMetrics(figures)]).encode("")
    return time.perf_counter() - started
