"""Resource usage of the service's processes."""

import os
from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.processes import ProcessSampler, ProcessStats

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
    """Resource usage of this process."""

    def __init__(self) -> None:
        self._watch = ProcessSampler()

    def collect(self) -> Iterator[Metric]:
        """Sample this process."""
        own = self._watch.sample(os.getpid(), "sidecar", "sidecar")
        yield from usage([own] if own is not None else [])


def usage(processes: Iterable[ProcessStats]) -> Iterator[Metric]:
    """The metrics of the resource usage of processes."""
    processes = tuple(processes)
    for definition, figure in _FIGURES.items():
        found = family(definition)
        for process in processes:
            value = getattr(process, figure)
            if value is not None:
                found.add((process.role, process.process), value)
        yield found
