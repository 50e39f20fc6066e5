"""Kafka consumer lag."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.consumers import ConsumerStatus
from monitoring.collectors.families import family


class KafkaCollector(Collector):
    """The lag of consumer groups.

    Args:
        status: Reads the lag.
    """

    def __init__(self, status: ConsumerStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Read the lag once.

        Raises:
            Transient: The broker is unavailable.
        """
        lag = family(metrics.KAFKA_LAG)
        for found in self._status.read():
            lag.add((found.topic, str(found.partition), found.group), found.records)
        yield lag
