"""Types for metric definitions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from monitoring.metrics.domains import Label

HOSTNAME = "hostname"
"""The label for the node name of a worker. It is not recorded but added by the reader, because a
worker continues the metrics of a dead one of another name."""


class Scope(StrEnum):
    """What the series of one sidecar describe, which decides how those of several combine."""

    HOST = "host"
    """The processes of one host. The total is the sum over sidecars."""
    SHARED = "shared"
    """A server that all hosts use. All sidecars report the same value, which counts once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric's definition.

    Attributes:
        kind: Its Prometheus type.
        name: Its name in queries.
        help: One sentence, which gives the unit if the name does not.
        labels: The labels, in the order in which values are given.
        scope: Whether sidecars report parts of a total, or the same value.

    Raises:
        TypeError: A label has no domain.
    """

    kind: ClassVar[str]

    name: str
    help: str
    labels: tuple[Label, ...] = ()
    scope: Scope = Scope.HOST

    def __post_init__(self) -> None:
        for label in self.labels:
            if not isinstance(label, Label):
                raise TypeError(f"the label {label} of {self.name} has no domain")

    @property
    def recorded_labels(self) -> tuple[Label, ...]:
        """The labels for which values are given when an event is recorded."""
        return tuple(label for label in self.labels if label != HOSTNAME)

    def with_hostname(self, labels: tuple[str, ...], hostname: str) -> tuple[str, ...]:
        """The values of all labels, from those of the recorded ones and a node name."""
        if HOSTNAME not in self.labels:
            return labels
        position = self.labels.index(HOSTNAME)
        return (*labels[:position], hostname, *labels[position:])

    @property
    def unit(self) -> str:
        """The unit, which by OpenMetrics is the last part of the name; empty if there is none.

        https://prometheus.io/docs/specs/om/open_metrics_spec/#unit
        """
        last = self.family.rpartition("_")[2]
        return last if last in _UNITS else ""

    @property
    def family(self) -> str:
        """The name without the suffix that OpenMetrics treats as part of a sample's name."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram(Metric):
    """A histogram.

    Attributes:
        buckets: Upper bounds, without infinity.
        sums: A histogram with the same buckets whose series are summed, and its names for this
            one's labels; a histogram with `sums` is not observed itself.
    """

    kind = "histogram"

    buckets: tuple[float, ...]
    sums: "tuple[Histogram, tuple[str, ...]] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Metric):
    """A counter.

    Attributes:
        counts: The histogram with the same labels whose observations it counts; the counter is
            derived from the histogram, so the two cannot differ.
    """

    kind = "counter"

    counts: Histogram | None = None

    @property
    def family(self) -> str:
        """The name without `_total`."""
        return self.name.removesuffix("_total")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCounter(Counter):
    """A counter kept by another system and read at scrape time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge(Metric):
    """A gauge, read at scrape time."""

    kind = "gauge"


_UNITS = frozenset({"bytes", "decibels", "ratio", "seconds", "usd"})
