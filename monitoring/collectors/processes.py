"""Resource usage of the service's processes."""

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.heartbeats import known_workers
from monitoring.processes import ProcessSampler

_FIGURES = {
    metrics.PROCESS_CPU: "cpu",
    metrics.PROCESS_MEMORY: "memory",
    metrics.PROCESS_OPEN_FDS: "open_fds",
    metrics.PROCESS_MAX_FDS: "max_fds",
    metrics.HEAP_USED: "heap_used",
    metrics.HEAP_TOTAL: "heap_total",
    metrics.NODEJS_HEAP_USED: "heap_used",
    metrics.NODEJS_HEAP_TOTAL: "heap_total",
    metrics.PROCESS_STARTED: "started",
}


class ProcessCollector(Collector):
    """Resource usage of this process, and of live workers as reported in their heartbeats.

    Args:
        directory: The metrics directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._watch = ProcessSampler()

    def collect(self) -> Iterator[Metric]:
        """Sample this process, and read the heartbeats of all workers."""
        own = self._watch.sample(os.getpid(), "sidecar", "sidecar")
        workers = [one for one in known_workers(self._directory) if one.runs and not one.silent]
        reported = (found for one in workers if one.heartbeat for found in one.heartbeat.processes)
        processes = [found for found in (own, *reported) if found is not None]
        for definition, figure in _FIGURES.items():
            found = family(definition)
            for process in processes:
                value = getattr(process, figure)
                if value is not None:
                    found.add((process.role, process.process), value)
            yield found
