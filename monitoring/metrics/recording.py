"""Recording of counters and histograms in a process."""

import os
from collections.abc import Callable, Iterable, Mapping
from glob import escape
from pathlib import Path
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, values
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.metrics.definitions import Counter, Histogram, Metric


class Recorder(Collector):
    """The counters and histograms of this process.

    They are kept in memory, or in the process's own files after `write_to` is called.
    """

    def __init__(self) -> None:
        self._files: RecordedMetrics | None = None
        self._start()

    def write_to(self, directory: Path, identity: str) -> None:
        """Store the values in files, continuing from the values already in them.

        By default, prometheus_client's multiprocess mode names files after the process id, so every
        process leaves files behind; here a process reuses those of its predecessor. Must be called
        before anything is counted, and again after a fork with another identity, because another
        thread may have held an inherited lock during the fork.

        Args:
            directory: The directory of the files.
            identity: A name unique among live processes.
        """
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        values.ValueClass = values.MultiProcessValue(lambda: identity)  # type: ignore[no-untyped-call]
        self._files = RecordedMetrics(directory, identity)
        self._start()

    def count(self, metric: Counter, *labels: str, amount: float = 1) -> None:
        """Increment a counter, for the values of its labels."""
        self._child(metric.name, labels).inc(amount)

    def observe(self, metric: Histogram, value: float, *labels: str) -> None:
        """Add an observation to a histogram, for the values of its labels."""
        self._child(metric.name, labels).observe(value)

    def collect(self) -> Iterable[Family]:
        """The metrics of a process that keeps them in memory."""
        return self._registry.collect()

    def recorded(self) -> Iterable[Family]:
        """The metrics of this process and its predecessors."""
        return self.collect() if self._files is None else self._files.collect()

    def _start(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._instruments = {
            definition.name: _INSTRUMENTS[type(definition)](definition, self._registry)
            for definition in metrics.ALL
            if type(definition) in _INSTRUMENTS and not _is_derived(definition)
        }
        # Looking up a child by its labels takes longer than counting.
        self._children: dict[tuple[str, tuple[str, ...]], Any] = {}

    def _child(self, name: str, labels: tuple[str, ...]) -> Any:
        child = self._children.get((name, labels))
        if child is None:
            instrument = self._instruments[name]
            child = instrument.labels(*labels) if labels else instrument
            self._children[name, labels] = child
        return child


class RecordedMetrics(Collector):
    """The metrics that all processes have recorded in a directory.

    Args:
        directory: The directory of the files.
        identity: The only process whose files are read; None for all.
    """

    def __init__(self, directory: Path, identity: str | None = None) -> None:
        self._directory = directory
        self._pattern = "*.db" if identity is None else f"*_{escape(identity)}.db"

    def collect(self) -> Iterable[Family]:
        """Merge the files."""
        # A file is empty for a moment before it is resized.
        files = [str(path) for path in self._directory.glob(self._pattern) if path.stat().st_size]
        found: Iterable[Family] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        for family in found:
            # The library's reader names counters with the suffix.
            family.name = family.name.removesuffix("_total")
            yield family


def total(
    families: Iterable[Family],
    metric: Counter,
    which: Callable[[Mapping[str, str]], bool] = lambda _: True,
) -> float:
    """The sum of a counter's samples, optionally filtered by labels."""
    return sum(
        sample.value
        for family in families
        if family.name == metric.family
        for sample in family.samples
        if which(sample.labels)
    )


def _is_derived(definition: Metric) -> bool:
    if isinstance(definition, Counter):
        return definition.counts is not None
    return isinstance(definition, Histogram) and definition.sums is not None


def _counter(definition: Counter, registry: CollectorRegistry) -> prometheus_client.Counter:
    return prometheus_client.Counter(
        definition.name, definition.help, definition.labels, registry=registry
    )


def _histogram(definition: Histogram, registry: CollectorRegistry) -> prometheus_client.Histogram:
    return prometheus_client.Histogram(
        definition.name,
        definition.help,
        definition.labels,
        registry=registry,
        buckets=definition.buckets,
    )


_INSTRUMENTS: dict[type, Callable[..., Any]] = {Counter: _counter, Histogram: _histogram}
