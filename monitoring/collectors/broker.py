"""Queues, and interviews in the pipeline, as reported by the broker."""

from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from tasks.pipeline.queues import Backlog, Broker, QueueState, RedisStats

_ANY = "any"
"""The priority in the label where the broker reports one length for all priorities."""


class BrokerCollector(Collector):
    """The numbers of waiting and unacknowledged messages.

    A value that the broker does not report is absent rather than zero.

    Args:
        broker: The broker.
        stages: The stage of each pipeline queue.
    """

    def __init__(self, broker: Broker, stages: Mapping[str, str]) -> None:
        self._broker = broker
        self._stages = stages

    def collect(self) -> Iterator[Metric]:
        """Read the broker once.

        Raises:
            Transient: The broker is unavailable.
        """
        backlog = self._broker.backlog()
        yield from _queues(backlog.queues)
        yield from self._pipeline(backlog)
        if backlog.redis is not None:
            yield from _redis(backlog.redis)

    def _pipeline(self, backlog: Backlog) -> Iterator[Metric]:
        in_stage, active = family(metrics.INTERVIEWS_IN_STAGE), family(metrics.INTERVIEWS_ACTIVE)
        # Each active interview has one message, waiting or unacknowledged. Counting only waiting
        # messages would report no activity while workers process all of them.
        totals = {stage: backlog.queues[queue].total for queue, stage in self._stages.items()}
        known = {stage: total for stage, total in totals.items() if total is not None}
        for stage, total in known.items():
            in_stage.add((stage,), total)
        # The sum of some stages would look like that of all.
        if known.keys() == totals.keys():
            active.add((), sum(known.values()))
        yield from (in_stage, active)
        if backlog.oldest_chain_age is not None:
            oldest = family(metrics.CHAIN_OLDEST_AGE)
            oldest.add((), backlog.oldest_chain_age)
            yield oldest


def _queues(queues: Mapping[str, QueueState]) -> Iterator[Metric]:
    depth, length = family(metrics.QUEUE_DEPTH), family(metrics.CELERY_QUEUE_LENGTH)
    reserved, held = family(metrics.QUEUE_RESERVED), family(metrics.QUEUE_RESERVED_AGE)
    oldest = family(metrics.QUEUE_OLDEST_AGE)
    for queue, state in queues.items():
        if state.levels is None:
            depth.add((queue, _ANY), state.waiting)
        for priority, level in (state.levels or {}).items():
            depth.add((queue, priority), level.count)
        for samples, value in (
            (length, state.total),
            (reserved, state.reserved),
            (oldest, state.oldest_age),
            (held, state.reserved_age),
        ):
            if value is not None:
                samples.add((queue,), value)
    yield from (depth, length, reserved, oldest, held)


def _redis(stats: RedisStats) -> Iterator[Metric]:
    for definition, value in (
        (metrics.REDIS_CLIENTS, stats.clients),
        (metrics.REDIS_HITS, stats.hits),
        (metrics.REDIS_MISSES, stats.misses),
        (metrics.REDIS_MEMORY, stats.memory),
        (metrics.REDIS_EVICTED, stats.evicted),
        (metrics.REDIS_MAY_EVICT, stats.may_evict),
        (metrics.REDIS_PERSISTENT, stats.persistent),
    ):
        if value is not None:
            found = family(definition)
            found.add((), value)
            yield found
