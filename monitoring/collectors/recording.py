"""Whether the sidecar, and a process that starts, can store their metrics."""

import logging
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.metrics.files import check_can_create
from monitoring.metrics.recording import Recorder

log = logging.getLogger(__name__)

_NEW = "new"
"""The label of a process that would start now."""


class RecordingCollector(Collector):
    """Whether this process, and one that would start now, can store its metrics.

    A worker that cannot create its first file is not seen by the sidecar.

    Args:
        directory: The metrics directory.
        recorder: The recorder of this process.

    Attributes:
        is_open: Whether a new process can store its metrics, as far as known.
    """

    def __init__(self, directory: Path, recorder: Recorder) -> None:
        self._directory = directory
        self._recorder = recorder
        self.is_open = True

    def collect(self) -> Iterator[Metric]:
        """Try to create a file."""
        self._try()
        found = family(metrics.RECORDING_UP)
        found.add((self._recorder.label,), self._recorder.is_recording)
        found.add((_NEW,), self.is_open)
        yield found

    def _try(self) -> None:
        was_open = self.is_open
        try:
            check_can_create(self._directory)
        except OSError as error:
            self.is_open = False
            if was_open:
                log.warning("a new process could not store its metrics: %s", error)
        else:
            self.is_open = True
            if not was_open:
                log.info("new processes can store their metrics again")
