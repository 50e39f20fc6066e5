"""The cost of storing each increment of a metric, by pwrite and by prometheus_client's memory map.

`python -m benchmarks.recording KIND DIRECTORY` prints the seconds of one increment; the benchmark
runs it for each kind in turn.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as TheirCounter
from prometheus_client.values import MultiProcessValue

from benchmarks.orchestration import WORKERS, ours
from monitoring import metrics
from monitoring.metrics.definitions import Counter, Histogram
from monitoring.metrics.directory import joined
from monitoring.metrics.recording import RecordedMetrics, Recorder
from tasks.interviews.interview import Stage
from tasks.pipeline.runner import task_name
from tests.monitoring.figures import Figures, figures_of
from worker.local.embedded.servers import EmbeddedServers

Row = tuple[str, str, str, str, bool]

_TIMES = 50_000
_ROUNDS = 5
_LARGEST_SHARE = 0.05
_LABELS = ("whisper", "success")


def rows() -> Iterator[Row]:
    """An increment against those of prometheus_client, and all those of an interview."""
    with tempfile.TemporaryDirectory() as place:
        rounds = [
            {kind: _measured(kind, Path(place) / f"{number}-{kind}") for kind in _KINDS}
            for number in range(_ROUNDS)
        ]
    microseconds = {
        kind: statistics.median(found[kind] for found in rounds) * 1e6 for kind in _KINDS
    }
    for kind, what in (("value", "MmapedValue alone"), ("counter", "Counter with labels")):
        ratio = statistics.median(found["stored"] / found[kind] for found in rounds)
        yield (
            "an increment of a metric, stored",
            f"{microseconds['stored']:.1f} µs, {1e6 / microseconds['stored']:,.0f} per second",
            f"prometheus_client's {what}: {microseconds[kind]:.1f} µs",
            f"{ratio:.1f} (no target: cost of files that survive a full disk)",
            True,
        )
    yield _per_interview(microseconds["stored"] / 1e6)


def _measured(kind: str, directory: Path) -> float:
    """Seconds of an increment, in a process of its own."""
    directory.mkdir()
    command = [sys.executable, "-m", "benchmarks.recording", kind, str(directory)]
    found = subprocess.run(
        command,
        check=True,
        capture_output=True,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
    )
    return float(found.stdout)


def _stored(directory: Path) -> Callable[[], None]:
    recorder = Recorder("all@host")
    recorder.write_to(directory, "worker-1")
    return lambda: recorder.count(metrics.TRANSCRIPTIONS, *_LABELS)


def _value(directory: Path) -> Callable[[], None]:
    del directory  # prometheus_client has it from the environment
    definition = metrics.TRANSCRIPTIONS
    value = MultiProcessValue()(  # type: ignore[no-untyped-call]
        definition.kind,
        definition.family,
        definition.name,
        definition.labels,
        _LABELS,
        definition.help,
    )
    return lambda: value.inc(1)


def _counter(directory: Path) -> Callable[[], None]:
    del directory
    definition = metrics.TRANSCRIPTIONS
    counter = TheirCounter(
        definition.family, definition.help, definition.labels, registry=CollectorRegistry()
    )
    return lambda: counter.labels(*_LABELS).inc()


_KINDS = {"stored": _stored, "value": _value, "counter": _counter}


def _per_interview(seconds: float) -> Row:
    with (
        tempfile.TemporaryDirectory() as place,
        EmbeddedServers(Path(place), {"valkey"}) as servers,
        joined(Path(place) / "metrics"),
    ):
        directory = Path(place) / "metrics"
        interviews_per_second = ours(servers["REDIS_URL"], BENCHMARK_METRICS=str(directory))
        found = figures_of(RecordedMetrics(directory))
    last = task_name(Stage.SCHEDULE)
    interviews = sum(
        value for labels, value in found.counts(metrics.CELERY_RUNTIME).items() if labels[0] == last
    )
    writes = _events(found) / interviews
    share = writes * seconds * interviews_per_second / WORKERS
    return (
        "storing the metrics of an instant interview",
        f"{writes:.0f} increments, {writes * seconds * 1e6:.0f} µs",
        f"the interview: {1e6 * WORKERS / interviews_per_second:.0f} µs",
        f"{share:.3f} (under {_LARGEST_SHARE:g})",
        share < _LARGEST_SHARE,
    )


def _events(found: Figures) -> float:
    """The number of increments and observations that were stored."""
    counters = (one for one in metrics.ALL if isinstance(one, Counter) and one.counts is None)
    histograms = (one for one in metrics.ALL if isinstance(one, Histogram) and one.sums is None)
    return sum(sum(found.by_labels(one).values()) for one in counters) + sum(
        sum(found.counts(one).values()) for one in histograms
    )


def main(kind: str, directory: str) -> None:
    """Print the seconds of one increment."""
    increment = _KINDS[kind](Path(directory))
    increment()
    started = time.perf_counter()
    for _ in range(_TIMES):
        increment()
    sys.stdout.write(str((time.perf_counter() - started) / _TIMES))


if __name__ == "__main__":
    main(*sys.argv[1:])
