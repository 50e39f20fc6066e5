"""Throughput with instant stages, compared with a stock chain of three no-op tasks."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from redis import Redis

from benchmarks import instant, stock
from tasks.interviews.interview import Priority, Stage
from tasks.pipeline.runner import task_name
from worker.adapters.broker import CeleryDispatcher
from worker.local.embedded.servers import EmbeddedServers

_WANTED = 2.0
_COUNT = 2000
_ROUNDS = 3
_TIMEOUT = 120.0
WORKERS = 2
"""Number of our workers, each with one process."""

_QUEUES = ("celery", *(f"{task_name(stage)}\x06\x163" for stage in Stage))
"""The Redis lists of the stock queue and of our queues at normal priority."""


def rows() -> Iterator[tuple[str, str, str, str, bool]]:
    """Measure both pipelines in alternating rounds; each queue is filled before workers start."""
    with (
        tempfile.TemporaryDirectory() as place,
        EmbeddedServers(Path(place), {"valkey"}) as servers,
    ):
        url = servers["REDIS_URL"]
        rounds = [(ours(url), _stock(url), ours(url, documents=True)) for _ in range(_ROUNDS)]
    bare, theirs, kept = (statistics.median(figures) for figures in zip(*rounds, strict=True))
    ratio = statistics.median(one / other for one, other, _ in rounds)
    against = f"stock celery.chain, prefork of two: {theirs:.0f}"
    yield (
        "orchestration, instant stages",
        f"{bare:.0f} interviews/s, two solo workers",
        against,
        f"{ratio:.2f} (at least {_WANTED:g})",
        ratio >= _WANTED,
    )
    ratio = statistics.median(one / other for _, other, one in rounds)
    yield (
        "the same, with documents in Redis",
        f"{kept:.0f} interviews/s",
        against,
        f"{ratio:.2f} (no target: cost of documents)",
        True,
    )


def ours(url: str, *options: str, documents: bool = False, **environment: str) -> float:
    """Interviews per second with two of our workers.

    Args:
        url: The broker's URL.
        options: Further options of the workers.
        documents: Whether the stages store documents in Redis.
        environment: Additions to the workers' environment.

    Raises:
        RuntimeError: Not all interviews were completed.
    """
    dispatcher = CeleryDispatcher(instant.create(url))

    def enqueue() -> None:
        for _ in range(_COUNT):
            dispatcher.dispatch(uuid4().hex, Stage.TRANSCRIBE, Priority.NORMAL)

    workers = [
        ["benchmarks.instant", "--pool=solo", f"--hostname=w{n}@%h", *_OURS, *options]
        for n in range(WORKERS)
    ]
    if not documents:
        return _drained(url, enqueue, workers, environment)
    speed = _drained(url, enqueue, workers, {**environment, "BENCHMARK_DOCUMENTS": "yes"})
    if (ended := instant.completed(url)) != _COUNT:
        raise RuntimeError(f"{ended} of {_COUNT} interviews were completed")
    return speed


def _stock(url: str) -> float:
    app = stock.create(url)

    def enqueue() -> None:
        for n in range(_COUNT):
            stock.chain_of(app, n).apply_async()

    return _drained(url, enqueue, [["benchmarks.stock", "--concurrency=2"]], {})


_OURS = (
    f"--queues={','.join(task_name(stage) for stage in Stage)}",
    "--without-gossip",
    "--without-mingle",
)


def _drained(
    url: str,
    enqueue: Callable[[], None],
    workers: Sequence[Sequence[str]],
    environment: Mapping[str, str],
) -> float:
    """Interviews per second, from the first start to the last end."""
    with Redis.from_url(url) as broker:
        broker.flushall()
        enqueue()
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", module, "worker", *arguments],
                env={**os.environ, **environment, "BENCHMARK_BROKER": url},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for module, *arguments in workers
        ]
        try:
            started = _once(lambda: _waiting(broker) < _COUNT)
            return _COUNT / (_once(lambda: _is_idle(broker)) - started)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


def _once(condition: Callable[[], bool]) -> float:
    """Wait for a condition; returns the monotonic time at which it holds."""
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the workers did not drain the queue in time")
        time.sleep(0.01)
    return time.monotonic()


def _waiting(broker: Redis) -> int:
    with broker.pipeline(transaction=False) as pipe:
        for queue in _QUEUES:
            pipe.llen(queue)
        return sum(pipe.execute())


def _is_idle(broker: Redis) -> bool:
    # The stock chain acknowledges a task before it publishes the next one, so a single check may
    # fall between the two.
    return all(_waiting(broker) + broker.hlen("unacked") == 0 for _ in range(20))
