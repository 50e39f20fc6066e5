"""Figures that a process counts up while it works."""

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

    They are in memory, or in files of this process's own from the moment of `keep_in` on.
    """

    def __init__(self) -> None:
        self._files: RecordedMetrics | None = None
        self._start()

    def write_to(self, directory: Path, identity: str) -> None:
        """Go on in files, from the figures that they hold.

        prometheus_client's multiprocess mode names files after the process id, so that each
        process that ever lived leaves some behind; here a process takes over those of the one
        whose place it takes. To be called before anything is counted, and again after a fork,
        with another identity: what is inherited may be locked by a thread that is not.

        Args:
            directory: Where the files are.
            identity: What no other living process is called.
        """
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        values.ValueClass = values.MultiProcessValue(lambda: identity)  # type: ignore[no-untyped-call]
        self._files = RecordedMetrics(directory, identity)
        self._start()

    def count(self, metric: Counter, *labels: str, amount: float = 1) -> None:
        """Add to a counter, for the values of its labels."""
        self._child(metric.name, labels).inc(amount)

    def observe(self, metric: Histogram, value: float, *labels: str) -> None:
        """Add an observation to a histogram, for the values of its labels."""
        self._child(metric.name, labels).observe(value)

    def collect(self) -> Iterable[Family]:
        """The figures of a process that keeps them in memory."""
        return self._registry.collect()

    def recorded(self) -> Iterable[Family]:
        """The figures of this process, and those of whose place it took."""
        return self.collect() if self._files is None else self._files.collect()

    def _start(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._instruments = {
            definition.name: _INSTRUMENTS[type(definition)](definition, self._registry)
            for definition in metrics.ALL
            if type(definition) in _INSTRUMENTS and not _is_derived(definition)
        }
        # Looking a child up by its labels takes longer than counting.
        self._children: dict[tuple[str, tuple[str, ...]], Any] = {}

    def _child(self, name: str, labels: tuple[str, ...]) -> Any:
        child = self._children.get((name, labels))
        if child is None:
            instrument = self._instruments[name]
            child = instrument.labels(*labels) if labels else instrument
            self._children[name, labels] = child
        return child


class RecordedMetrics(Collector):
    """What all processes have counted in the files of a directory.

    Args:
        directory: Where the files are.
        identity: The only process whose files are read; None for all.
    """

    def __init__(self, directory: Path, identity: str | None = None) -> None:
        self._directory = directory
        self._pattern = "*.db" if identity is None else f"*_{escape(identity)}.db"

    def collect(self) -> Iterable[Family]:
        """Add the files up."""
        # A file is empty for a moment before it gets its size.
        files = [str(path) for path in self._directory.glob(self._pattern) if path.stat().st_size]
        found: Iterable[Family] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        for family in found:
            # The files' reader names counters with the suffix.
            family.name = family.name.removesuffix("_total")
            yield family


def total(
    families: Iterable[Family],
    metric: Counter,
    which: Callable[[Mapping[str, str]], bool] = lambda _: True,
) -> float:
    """The sum of a counter's samples, or of those whose labels are wanted."""
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
