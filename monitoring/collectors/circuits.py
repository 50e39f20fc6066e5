"""States of circuit breakers."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring.collectors.families import family
from monitoring.metrics import CIRCUIT_STATE

_VALUES = {"closed": 0, "half-open": 1, "open": 2}


class CircuitCollector(Collector):
    """The state of each circuit breaker.

    Args:
        states: Reads the states by service and endpoint: closed, half-open or open.
    """

    def __init__(self, states: Callable[[], Mapping[tuple[str, str], str]]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        """Read the states once.

        Raises:
            Transient: The store of the states is unavailable.
        """
        found = family(CIRCUIT_STATE)
        for circuit, state in self._states().items():
            found.add(circuit, _VALUES[state])
        yield found
