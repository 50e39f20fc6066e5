"""Kafka, as it tells of its consumers."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.consumers import ConsumerStatus
from monitoring.collectors.families import family


class KafkaCollector(Collector):
    """How far consumers are behind.

    Args:
        status: Where to ask.
    """

    def __init__(self, status: ConsumerStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Ask once.

        Raises:
            Transient: The broker does not answer.
        """
        lag = family(metrics.KAFKA_LAG)
        for found in self._status.read():
            lag.add((found.topic, str(found.partition), found.group), found.records)
        yield lag
