"""MongoDB server metrics."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.database import DatabaseStatus
from monitoring.collectors.families import family


class MongoCollector(Collector):
    """Connections and operations; values that the server does not report are absent.

    Args:
        status: Reads the statistics.
    """

    def __init__(self, status: DatabaseStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Read the statistics once.

        Raises:
            Transient: The server is unavailable.
        """
        stats = self._status.read()
        if stats.connections is not None:
            connections = family(metrics.MONGODB_CONNECTIONS)
            connections.add((stats.role,), stats.connections)
            yield connections
        if stats.available is not None:
            available = family(metrics.MONGODB_AVAILABLE)
            available.add((), stats.available)
            yield available
        operations = family(metrics.MONGODB_OPERATIONS)
        for kind, count in stats.operations.items():
            operations.add((kind,), count)
        yield operations
