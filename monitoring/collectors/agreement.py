"""Agreement of human feedback with the analyses."""

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from time import monotonic

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring.collectors.families import family
from monitoring.metrics import REVIEW_AGREEMENT
from tasks.interviews.interview import AnalysisType

Agreement = Mapping[AnalysisType, tuple[int, int]]


class AgreementCollector(Collector):
    """The share of human feedback that agrees, for each part of an analysis that has any.

    Args:
        agreement: Counts the feedback; see `InterviewStore.agreement`.
        ttl: Seconds for which a count is cached, because counting a lot of feedback is slow.
    """

    def __init__(self, agreement: Callable[[], Agreement], *, ttl: float = 60.0) -> None:
        self._agreement = agreement
        self._ttl = ttl
        self._lock = Lock()
        self._counted: Agreement = {}
        self._until = 0.0

    def collect(self) -> Iterator[Metric]:
        """Count feedback, or return the cached count.

        Raises:
            Transient: The store is unavailable.
        """
        found = family(REVIEW_AGREEMENT)
        for part, (agreeing, all_of_them) in self._recent().items():
            found.add((part,), agreeing / all_of_them)
        yield found

    def _recent(self) -> Agreement:
        with self._lock:
            if monotonic() >= self._until:
                self._counted = self._agreement()
                self._until = monotonic() + self._ttl
            return self._counted
