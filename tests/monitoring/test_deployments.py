"""Metrics over many deployments, in each of which the workers have new host names."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from monitoring import metrics
from monitoring.collectors.workers import WorkerCollector
from monitoring.metrics.directory import joined
from monitoring.metrics.exposition import Exposition
from monitoring.metrics.recording import RecordedMetrics
from tasks.pipeline.queues import QUEUES
from tests.monitoring.figures import Figures, parsed
from tests.processes import ROOT
from tests.timing import wait_for
from worker.telemetry.series import worker_series

DEPLOYMENTS = 20
TASKS = 3
"""Tasks of each of the two processes of a worker."""

_HOST = """
import os, sys
from pathlib import Path
from monitoring import metrics
from monitoring.heartbeats import HeartbeatWriter, WorkerState
from monitoring.metrics.directory import SIDECAR, WORKER, Place
from monitoring.metrics.recording import Recorder
from tasks.pipeline.queues import QUEUES

directory, host, tasks = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def recorder(name, identity):
    found = Recorder(name)
    found.write_to(directory, identity)
    return found

names = {WORKER: f"all@{host}", SIDECAR: f"sidecar@{host}"}
places = {kind: Place(directory, kind, name) for kind, name in names.items()}
for place in places.values():
    place.check()
slot = places[WORKER].slot
parent = recorder(names[WORKER], slot)
sidecar = recorder(names[SIDECAR], places[SIDECAR].slot)
for child in range(2):
    process = recorder(names[WORKER], f"{slot}.{child}")
    for queue in QUEUES:
        for _ in range(tasks):
            sidecar.count(metrics.CELERY_SENT, queue, queue)
            parent.count(metrics.CELERY_RECEIVED, queue, queue)
            process.observe(metrics.CELERY_RUNTIME, 1, queue, queue)
state = WorkerState(queues=QUEUES, active=0, children={0: os.getpid(), 1: os.getpid()})
HeartbeatWriter(directory, names[WORKER]).write(slot, "all", state, {"all": True})
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def host(directory: Path, name: str, how: signal.Signals) -> Iterator[None]:
    """A worker and a sidecar on a host; they end by a signal at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOST, str(directory), name, str(TASKS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.send_signal(how)


class Reader:
    """What a sidecar that is never replaced exposes."""

    def __init__(self, directory: Path) -> None:
        self._workers = WorkerCollector(directory)
        self._exposition = Exposition(
            [RecordedMetrics(directory), self._workers],
            initial=lambda: worker_series(self._workers.seen),
        )

    def scrape(self) -> Figures:
        return parsed(self._exposition.encode("")[0].decode())


@pytest.mark.parametrize("rolling", [False, True])
def test_files_and_series_stay_as_many_and_every_event_counts_once(
    tmp_path: Path, rolling: bool
) -> None:
    directory = tmp_path / "metrics"
    sizes = []
    with joined(directory), ExitStack() as before:
        reader = Reader(directory)
        current = before
        for number in range(1, DEPLOYMENTS + 1):
            if not rolling:
                current.close()
            deployed = ExitStack()
            how = signal.SIGKILL if number % 2 else signal.SIGTERM
            deployed.enter_context(host(directory, f"container-{number}", how))
            # In a rolling deployment, the previous worker ends after the next one has started.
            current.close()
            current = deployed
            before.push(deployed)
            found = reader.scrape()
            for metric in (metrics.CELERY_RECEIVED, metrics.CELERY_SENT, metrics.CELERY_SUCCEEDED):
                by_task = found.by_labels(metric)
                assert sum(by_task.values()) == number * 2 * TASKS * len(QUEUES), metric.name
            owner = f"all@container-{number}"
            wait_for(lambda: alive(reader.scrape()), {owner})
            files = [path.name for path in directory.iterdir()]
            sizes.append((len(files), len(reader.scrape().samples)))
    assert max(sizes[3:]) == max(sizes[:3])
    assert min(sizes[3:]) == min(sizes[3:6])


def alive(found: Figures) -> set[str]:
    ups = found.by_labels(metrics.CELERY_WORKER_UP)
    return {name for (name,), value in ups.items() if value == 1}
