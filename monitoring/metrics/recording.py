"""Recording of counters and histograms in a process."""

import json
import logging
import math
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from monitoring import metrics
from monitoring.metrics.definitions import Counter, ExternalCounter, Histogram, Metric
from monitoring.metrics.domains import Bounds
from monitoring.metrics.files import Damaged, set_aside
from monitoring.metrics.reading import Stored, StoredFiles
from monitoring.metrics.storage import SeriesFile

log = logging.getLogger(__name__)

Labels = tuple[str, ...]
Totals = dict[tuple[str, Labels], list[float]]
"""Values of series, by metric name and label values; those of a histogram are its sum and the
number of observations in each bucket."""


@dataclass(slots=True)
class _Series:
    """A series of this process.

    Attributes:
        key: Its key in files.
        values: Its values, including those of this process's predecessors.
        position: Where the values are in the file; None if the file has no room for them.
    """

    key: bytes
    values: list[float]
    position: int | None = None


class Recorder(Collector):
    """The counters and histograms of this process.

    They are kept in memory, and after `write_to` is called also in a file of this process. If the
    file cannot be written, recording goes on in memory; `maintain` brings the file up to date when
    it can be written again. Nothing is counted twice then, because a file has totals.

    Args:
        hostname: The node name of this process. It is a label of Celery's metrics, but not stored:
            a reader adds the node name of the process that now owns the file.

    Attributes:
        label: The name of this process in metrics about it.
    """

    def __init__(self, hostname: str = "") -> None:
        self.label = hostname.partition("@")[0]
        self._hostname = hostname
        self._file: SeriesFile | None = None
        self.restart()

    def restart(self) -> None:
        """Forget everything that was counted, as a child process must after a fork.

        The lock is new as well, because a thread of the parent may have held it.
        """
        self._lock = threading.RLock()
        self._series: dict[tuple[str, Labels], _Series] = {}
        self._bounds: dict[str, Bounds] = {}
        self._path: Path | None = None
        self._close()
        self._continued: Path | None = None
        self._predecessor: Totals | None = None
        self._waiting: list[Callable[[Iterable[Family]], None]] = []
        self._problem: str | None = None
        self._failing: str | None = None
        self._set_aside: list[str] = []

    def write_to(self, directory: Path, identity: str) -> None:
        """Store the values in a file, and continue from the values already in it.

        By default, prometheus_client's multiprocess mode names files after the process id, so every
        process leaves files behind; here a process reuses that of its predecessor. A file that
        cannot be written is tried again by `maintain`.

        Args:
            directory: The directory of the files.
            identity: A name unique among live processes.
        """
        path = directory / f"{identity}.db"
        with self._lock:
            if path != self._path:
                self._close()
                self._path = path
                self._store()
        self._announce_predecessor()

    @property
    def path(self) -> Path | None:
        """The file of this process; None if it has none."""
        return self._path

    @property
    def is_recording(self) -> bool:
        """Whether everything that was counted is in the file."""
        return self._file is not None and self._problem is None

    def maintain(self) -> None:
        """Check that the file can be written, and bring it up to date if it could not be.

        To be called every second.
        """
        with self._lock:
            if self._path is not None:
                self._check()
                self._store()
        self._announce_predecessor()

    def fail(self, problem: str) -> None:
        """Say why the process has no file yet; logged by `log_changes`."""
        self._problem = problem

    def log_changes(self) -> None:
        """Log damaged files, and that recording stopped or resumed, once each."""
        with self._lock:
            lines, self._set_aside = self._set_aside, []
            before, self._failing = self._failing, self._problem
        for line in lines:
            log.warning("%s", line)
        if self._failing is not None and before is None:
            log.warning("metrics are kept in memory, as they cannot be stored: %s", self._failing)
        if self._failing is None and before is not None:
            log.info("metrics are stored again")

    def count(self, metric: Counter, *labels: str, amount: float = 1) -> None:
        """Increment a counter, for the values of its labels.

        Raises:
            ValueError: The amount is negative or not finite.
        """
        if not 0 <= amount < math.inf:
            raise ValueError(f"{metric.name} cannot be incremented by {amount}")
        with self._lock:
            series = self._find(metric, labels)
            series.values[0] += amount
            self._save(series)

    def observe(self, metric: Histogram, value: float, *labels: str) -> None:
        """Add an observation to a histogram, for the values of its labels.

        Raises:
            ValueError: The value is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(f"{metric.name} cannot observe {value}")
        with self._lock:
            series = self._find(metric, labels)
            series.values[0] += value
            series.values[1 + bisect_left(metric.buckets, value)] += 1
            self._save(series)

    def totals(self) -> Totals:
        """The values of all series of this process and its predecessors."""
        with self._lock:
            return {key: list(series.values) for key, series in self._series.items()}

    def exposed(self) -> Totals:
        """The same, with all labels that are exposed."""
        return _with_hostname(self.totals(), self._hostname)

    def collect(self) -> Iterable[Family]:
        """The metrics of this process and its predecessors."""
        return families(self.exposed())

    def when_continued(self, use: Callable[[Iterable[Family]], None]) -> None:
        """Call a function with the metrics of a predecessor, as soon as they are known.

        That is at once, unless the file could not be opened so far. It is called once.
        """
        self._waiting.append(use)
        self._announce_predecessor()

    def close(self) -> None:
        """Store what has not been stored, as far as possible, and close the file."""
        self.maintain()
        with self._lock:
            self._close()
            self._path = None

    def _find(self, metric: Metric, labels: Labels) -> _Series:
        series = self._series.get((metric.name, labels))
        if series is None:
            if len(labels) != len(metric.recorded_labels):
                raise ValueError(f"{metric.name} is recorded with {metric.recorded_labels}")
            labels = self._bounded(metric, tuple(map(str, labels)))
            series = self._series.get((metric.name, labels))
        if series is None:
            series = _Series(_key(metric.name, labels), [0.0] * _size(metric))
            self._series[metric.name, labels] = series
            self._place(series)
        return series

    def _bounded(self, metric: Metric, labels: Labels) -> Labels:
        bounds = self._bounds.get(metric.name)
        if bounds is None:
            bounds = self._bounds[metric.name] = Bounds(metric.recorded_labels)
        return bounds.admit(labels)

    def _save(self, series: _Series) -> None:
        if series.position is not None and self._file is not None:
            try:
                self._file.write(series.position, series.values)
            except OSError as error:
                self._close(error)

    def _place(self, series: _Series) -> None:
        if self._file is not None:
            try:
                series.position = self._file.position(series.key, series.values)
            except OSError as error:
                # The other series have their place and are still written.
                self._problem = str(error)

    def _check(self) -> None:
        if self._file is not None:
            try:
                self._file.check()
            except OSError as error:
                self._close(error)

    def _store(self) -> None:
        """Open the file if it is not open, and store everything that is not in it."""
        self._problem = None
        try:
            if self._file is None:
                self._open()
        except (Damaged, OSError) as error:
            self._problem = str(error)
            return
        for series in self._series.values():
            if series.position is None:
                self._place(series)
                self._save(series)

    def _open(self) -> None:
        assert self._path is not None  # noqa: S101 - both callers have checked it
        try:
            self._file = SeriesFile(self._path)
        except Damaged as damage:
            aside = set_aside(self._path)
            self._set_aside.append(f"{self._path} is damaged ({damage}); it is now {aside.name}")
            self._file = SeriesFile(self._path)
        if self._continued != self._path:
            self._continue(self._file.found)
            self._continued = self._path

    def _continue(self, found: Mapping[bytes, Sequence[float]]) -> None:
        """Add the values of a predecessor."""
        self._predecessor = {}
        for key, values in found.items():
            known = _known(key, len(values))
            if known is None:
                continue
            self._predecessor[known] = list(values)
            # What was accepted before goes on, and takes up room.
            self._bounded(_RECORDED[known[0]], known[1])
            series = self._series.setdefault(known, _Series(key, [0.0] * len(values)))
            series.values = [one + other for one, other in zip(series.values, values, strict=True)]

    def _announce_predecessor(self) -> None:
        with self._lock:
            if self._predecessor is None or not self._waiting:
                return
            waiting, self._waiting = self._waiting, []
        found = families(_with_hostname(self._predecessor, self._hostname))
        for use in waiting:
            use(found)

    def _close(self, error: OSError | None = None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        for series in self._series.values():
            series.position = None
        if error is not None:
            self._problem = str(error)


class RecordedMetrics(Collector):
    """The metrics that all processes have recorded in a directory.

    Args:
        directory: The directory of the files; see `StoredFiles` for those that cannot be read.
        own: The recorder of this process, whose values are read from memory, because its file
            may lack some of them; None to read all from files.
    """

    def __init__(self, directory: Path, own: Recorder | None = None) -> None:
        self._files = StoredFiles(directory)
        self._own = own

    def collect(self) -> Iterable[Family]:
        """Read and merge the files.

        Metrics without series are among the results, unless there may be series that cannot be
        read.
        """
        read = self._files.read(self._own.path if self._own else None)
        totals: Totals = {}
        for hostname, values in read.values:
            _add(totals, _with_hostname(_totals(values), hostname))
        if self._own is not None:
            _add(totals, self._own.exposed())
        damaged = Family(metrics.DAMAGED_FILES.family, metrics.DAMAGED_FILES.help, "gauge")
        damaged.add_sample(metrics.DAMAGED_FILES.name, {}, read.damaged)
        found = families(totals)
        return [*(one for one in found if one.samples or read.is_complete), damaged]


def families(totals: Totals) -> list[Family]:
    """Metrics as prometheus_client exposes them, also those without series."""
    found = {
        name: Family(definition.family, definition.help, definition.kind)
        for name, definition in _RECORDED.items()
    }
    for (name, labels), values in totals.items():
        definition, family = _RECORDED[name], found[name]
        named: dict[str, str] = dict(zip(definition.labels, labels, strict=True))
        if isinstance(definition, Histogram):
            _add_histogram(family, definition, named, values)
        else:
            family.add_sample(definition.name, named, values[0])
    return list(found.values())


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


def _with_hostname(totals: Totals, hostname: str) -> Totals:
    """Add the label that files do not have, because it changes with the owner of the file."""
    return {
        (name, _RECORDED[name].with_hostname(labels, hostname)): values
        for (name, labels), values in totals.items()
    }


def _add_histogram(
    family: Family, definition: Histogram, labels: dict[str, str], values: Sequence[float]
) -> None:
    name = definition.name
    counts = list(accumulate(values[1:]))
    for bound, count in zip((*definition.buckets, math.inf), counts, strict=True):
        family.add_sample(f"{name}_bucket", {**labels, "le": _bound(bound)}, count)
    family.add_sample(f"{name}_count", labels, counts[-1])
    family.add_sample(f"{name}_sum", labels, values[0])


def _bound(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _add(totals: Totals, found: Totals) -> None:
    for key, values in found.items():
        before = totals.get(key)
        totals[key] = (
            values if before is None else [a + b for a, b in zip(before, values, strict=True)]
        )


def _totals(stored: Stored) -> Totals:
    """The values of a file, without series that this version does not have."""
    known = ((_known(key, len(values)), values) for key, values in stored.items())
    return {key: list(values) for key, values in known if key is not None}


def _is_recorded(definition: Metric) -> bool:
    if isinstance(definition, ExternalCounter):
        return False
    if isinstance(definition, Counter):
        return definition.counts is None
    return isinstance(definition, Histogram) and definition.sums is None


_RECORDED = {one.name: one for one in metrics.ALL if _is_recorded(one)}


def _size(definition: Metric) -> int:
    """The number of values of a series."""
    return len(definition.buckets) + 2 if isinstance(definition, Histogram) else 1


def _key(name: str, labels: Labels) -> bytes:
    return json.dumps([name, *labels]).encode()


@lru_cache(maxsize=8192)
def _known(key: bytes, size: int) -> tuple[str, Labels] | None:
    """The metric and labels of a key in a file; None if this version does not have them."""
    try:
        name, *labels = json.loads(key)
    except (ValueError, TypeError):
        return None
    definition = _RECORDED.get(name) if isinstance(name, str) else None
    if definition is None or size != _size(definition):
        return None
    if len(labels) != len(definition.recorded_labels):
        return None
    return (name, tuple(labels)) if all(isinstance(one, str) for one in labels) else None
