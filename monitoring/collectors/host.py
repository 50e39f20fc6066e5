"""Metrics of the host: installed version and network traffic."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.processes import network


class HostCollector(Collector):
    """The installed version, and the network traffic of the host or container.

    Args:
        version: The version.
    """

    def __init__(self, version: str) -> None:
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """Read the network counters once."""
        traffic = network()
        build = family(metrics.BUILD)
        build.add((self._version,), 1)
        received, sent = family(metrics.NETWORK_RECEIVED), family(metrics.NETWORK_SENT)
        received.add((), traffic.received)
        sent.add((), traffic.sent)
        yield from (build, received, sent)
