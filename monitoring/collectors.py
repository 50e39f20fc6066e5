"""Figures that are read when Prometheus asks for them."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring.broker import Backlog, RedisBroker
from monitoring.definitions import Gauge
from monitoring.metrics import INTERVIEWS_ACTIVE, QUEUE_DEPTH, REDIS_UP
from tasks.errors import Transient


class BrokerCollector(Collector):
    """Queue depth and active interviews, straight from the broker.

    While the broker is away its series are absent, rather than zero, and `redis_up` is 0.
    """

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker

    def collect(self) -> Iterator[Metric]:
        """Read the broker once."""
        up = _family(REDIS_UP)
        try:
            backlog = self._broker.backlog()
        except Transient:
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        yield from _backlog(backlog)


def _backlog(backlog: Backlog) -> Iterator[Metric]:
    depth = _family(QUEUE_DEPTH)
    for labels, length in backlog.depth.items():
        depth.add_metric(labels, length)
    yield depth
    # One message is in flight for each interview, so those that wait and those in hand are all.
    active = _family(INTERVIEWS_ACTIVE)
    active.add_metric((), sum(backlog.depth.values()) + backlog.reserved)
    yield active


def _family(definition: Gauge) -> GaugeMetricFamily:
    return GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)
