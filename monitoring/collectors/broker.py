"""Figures that are read when Prometheus asks for them."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring.broker import Backlog, RedisBroker
from monitoring.collectors.families import family
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
        up = family(REDIS_UP)
        try:
            backlog = self._broker.backlog()
        except Transient:
            up.add((), 0)
            yield up
            return
        up.add((), 1)
        yield up
        yield from _backlog(backlog)


def _backlog(backlog: Backlog) -> Iterator[Metric]:
    depth = family(QUEUE_DEPTH)
    for labels, length in backlog.depth.items():
        depth.add(labels, length)
    yield depth
    # One message is in flight for each interview, so those that wait and those in hand are all.
    active = family(INTERVIEWS_ACTIVE)
    active.add((), sum(backlog.depth.values()) + backlog.reserved)
    yield active
