"""Isolation of collectors: a source that hangs or fails loses only its own series."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.metrics.definitions import Gauge
from monitoring.single_flight import Result, SingleFlight

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """A source of metrics.

    Attributes:
        name: Its name in metrics and logs.
        collector: Reads it; raises on failure.
        up: The metric for whether it can be read, if there is one.
    """

    name: str
    collector: Collector
    up: Gauge | None = None


class GuardedCollectors(Collector):
    """Reads sources concurrently, each with its own time-out.

    A source that fails or times out has no series except the one reporting that. Failure and
    recovery are each logged once, not at every scrape.

    Args:
        sources: The sources.
        timeout: Seconds for each of them.
    """

    def __init__(self, sources: Sequence[Source], *, timeout: float = 1.0) -> None:
        self._timeout = timeout
        self._sources = [(source, SingleFlight(_reading(source.collector))) for source in sources]
        self._failing: set[str] = set()

    def collect(self) -> Iterator[Metric]:
        """Read all sources."""
        durations, ups = family(metrics.COLLECTOR_DURATION), family(metrics.COLLECTOR_UP)
        waits = [(source, timed.begin()) for source, timed in self._sources]
        deadline = monotonic() + self._timeout
        for source, wait in waits:
            answer = wait(deadline)
            self._log(source, answer)
            durations.add((source.name,), answer.seconds)
            ups.add((source.name,), answer.error is None)
            if source.up is not None:
                up = family(source.up)
                up.add((), answer.error is None)
                yield up
            yield from answer.value or ()
        yield from (durations, ups)

    def _log(self, source: Source, answer: Result[list[Metric]]) -> None:
        if answer.error is None:
            if source.name in self._failing:
                self._failing.discard(source.name)
                log.info("%s is readable again", source.name)
        elif source.name not in self._failing:
            self._failing.add(source.name)
            log.warning("%s cannot be read: %s", source.name, answer.error)


def _reading(collector: Collector) -> Callable[[], list[Metric]]:
    return lambda: list(collector.collect())
