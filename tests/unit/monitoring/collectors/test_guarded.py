"""Sources that hang or fail do not affect the others."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.collectors.guarded import GuardedCollectors, Source
from tasks.errors import Transient
from tests.monitoring.figures import figures_of
from tests.timing import wait_until, within


class Scripted(Collector):
    """Runs a script, and reports one Redis client."""

    def __init__(self, script: Callable[[], object] = lambda: None) -> None:
        self.script = script
        self.readings = 0

    def collect(self) -> Iterator[Metric]:
        self.readings += 1
        self.script()
        found = family(metrics.REDIS_CLIENTS)
        found.add((), 1)
        yield found


def away() -> None:
    raise Transient("it is away")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def test_failing_source_does_not_affect_others() -> None:
    found = figures_of(
        GuardedCollectors(
            [
                Source("kafka", Scripted(away), metrics.KAFKA_UP),
                Source("redis", Scripted(), metrics.REDIS_UP),
            ]
        )
    )
    assert found.value(metrics.KAFKA_UP) == 0
    assert found.value(metrics.COLLECTOR_UP, "kafka") == 0
    assert found.value(metrics.REDIS_UP) == 1
    assert found.value(metrics.REDIS_CLIENTS) == 1
    assert found.value(metrics.COLLECTOR_DURATION, "redis") is not None


def test_hanging_sources_share_one_timeout(gate: threading.Event) -> None:
    timeout, number = 0.2, 50
    sources = [Source(f"source-{n}", Scripted(gate.wait)) for n in range(number)]
    guarded = GuardedCollectors([*sources, Source("redis", Scripted())], timeout=timeout)
    # In sequence they would take ten seconds.
    with within(3, before=timeout * number):
        found = figures_of(guarded)
    assert found.value(metrics.REDIS_CLIENTS) == 1
    waited = [found.value(metrics.COLLECTOR_DURATION, source.name) or 0 for source in sources]
    # The thread may start slightly after the wait begins.
    assert max(waited) >= timeout * 0.9


def test_hanging_source_is_not_called_again(gate: threading.Event) -> None:
    hanging = Scripted(gate.wait)
    guarded = GuardedCollectors([Source("redis", hanging, metrics.REDIS_UP)], timeout=0.05)
    for _ in range(4):
        assert figures_of(guarded).value(metrics.REDIS_UP) == 0
    assert hanging.readings == 1
    gate.set()
    wait_until(lambda: figures_of(guarded).value(metrics.REDIS_UP) == 1)
    figures_of(guarded)
    assert hanging.readings > 1


def test_failure_and_recovery_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    source = Scripted(away)
    guarded = GuardedCollectors([Source("redis", source)])
    with caplog.at_level(logging.INFO, "monitoring.collectors.guarded"):
        for script in (away, away, lambda: None, lambda: None):
            source.script = script
            figures_of(guarded)
    assert caplog.messages == ["redis cannot be read: it is away", "redis is readable again"]
