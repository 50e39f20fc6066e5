"""Leadership of this process."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring.collectors.families import family
from monitoring.metrics import LEADER


class LeadershipCollector(Collector):
    """Whether this process is the leader. The sum over all processes is 1 for each duty.

    Args:
        leads: Returns whether this process is the leader, for each duty.
    """

    def __init__(self, leads: Callable[[], Mapping[str, bool]]) -> None:
        self._leads = leads

    def collect(self) -> Iterator[Metric]:
        """Read it."""
        found = family(LEADER)
        for duty, leads in self._leads().items():
            found.add((duty,), float(leads))
        yield found
