"""What a metric is, before there are any figures."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric as it is announced to Prometheus.

    Attributes:
        kind: What Prometheus calls its type.
        name: The name that queries use.
        help: One sentence for people, which names the unit where the name does not.
        labels: Names of the labels, in the order in which values are given.
    """

    kind: ClassVar[str]

    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The unit, which by OpenMetrics is the last part of the name; empty where there is none.

        https://prometheus.io/docs/specs/om/open_metrics_spec/#unit
        """
        last = self.family.rpartition("_")[2]
        return last if last in _UNITS else ""

    @property
    def family(self) -> str:
        """The name without the suffix that OpenMetrics sees as part of a sample's name."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram(Metric):
    """Observations, counted by size.

    Attributes:
        buckets: Upper bounds, without infinity.
        sums: The histogram of the same buckets whose series are added up, and what it calls the
            labels of this one; such a histogram is not observed itself.
    """

    kind = "histogram"

    buckets: tuple[float, ...]
    sums: "tuple[Histogram, tuple[str, ...]] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Metric):
    """Something that only goes up.

    Attributes:
        counts: The histogram of the same labels whose observations are counted; such a counter is
            read off the histogram and so can never differ from it.
    """

    kind = "counter"

    counts: Histogram | None = None

    @property
    def family(self) -> str:
        """The name without `_total`."""
        return self.name.removesuffix("_total")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCounter(Counter):
    """A counter that another system keeps, and that is read when Prometheus asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge(Metric):
    """A state that is read when Prometheus asks for it."""

    kind = "gauge"


_UNITS = frozenset({"bytes", "decibels", "ratio", "seconds", "usd"})
