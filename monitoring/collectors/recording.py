"""Whether the processes on this host can store their metrics."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.heartbeats import Worker, known_workers
from monitoring.metrics.recording import Recorder


class RecordingCollector(Collector):
    """Whether this process, and each process of the workers, can store its metrics.

    A running worker whose heartbeat is missing cannot: it has the name of its slot if its own is
    not known.

    Args:
        directory: The metrics directory.
        recorder: The recorder of this process.
    """

    def __init__(self, directory: Path, recorder: Recorder) -> None:
        self._directory = directory
        self._recorder = recorder

    def collect(self) -> Iterator[Metric]:
        """Read the heartbeats of all workers."""
        processes = {self._recorder.label: self._recorder.is_recording}
        for worker in known_workers(self._directory, can_write=self._recorder.is_recording):
            for process, is_recording in _recording(worker).items():
                # Workers without a heartbeat may share a name.
                processes[process] = processes.get(process, True) and is_recording
        found = family(metrics.RECORDING_UP)
        for process, is_recording in processes.items():
            found.add((process,), is_recording)
        yield found


def _recording(worker: Worker) -> dict[str, bool]:
    if worker.silent:
        return {(worker.hostname or worker.slot).partition("@")[0]: False}
    return worker.heartbeat.recording if worker.heartbeat and worker.runs else {}
