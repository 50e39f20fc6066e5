"""Interviews in the pipeline, as recorded in the database."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from tasks.clock import now
from tasks.interviews.interview import Stage
from tasks.pipeline.runner import task_name
from tasks.ports import StageLoad


class PipelineCollector(Collector):
    """What `BrokerCollector` reads from Redis and another broker does not report.

    Args:
        load: Counts the interviews in each stage; see `InterviewStore.load`.
    """

    def __init__(self, load: Callable[[], Mapping[Stage, StageLoad]]) -> None:
        self._load = load

    def collect(self) -> Iterator[Metric]:
        """Count the interviews.

        Raises:
            Transient: The store is unavailable.
        """
        found = self._load()
        in_stage, active = family(metrics.INTERVIEWS_IN_STAGE), family(metrics.INTERVIEWS_ACTIVE)
        oldest = family(metrics.QUEUE_OLDEST_AGE)
        for stage, load in found.items():
            in_stage.add((stage,), load.count)
            since = load.waiting_since
            age = (now() - since).total_seconds() if since is not None else 0.0
            # The clock of the process that published the message may be ahead.
            oldest.add((task_name(stage),), max(age, 0.0))
        active.add((), sum(load.count for load in found.values()))
        yield from (in_stage, active, oldest)
