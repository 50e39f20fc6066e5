"""Parsing of an exposition, as Prometheus does it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.metrics.definitions import Histogram, Metric, Scope
from monitoring.metrics.exposition import Exposition
from tests.timing import patience

_SHARED = {metric.name for metric in metrics.ALL if metric.scope is Scope.SHARED}


@dataclass(frozen=True)
class Figures:
    """The samples of one scrape."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, metric: Metric, *labels: str) -> float | None:
        """The value of a sample; None if there is none."""
        return self._find(metric.name, metric, labels)

    def count(self, metric: Histogram, *labels: str) -> float:
        """The number of a histogram's observations."""
        return self._find(f"{metric.name}_count", metric, labels) or 0

    def sum(self, metric: Histogram, *labels: str) -> float:
        """The sum of a histogram's observations."""
        return self._find(f"{metric.name}_sum", metric, labels) or 0

    def by_labels(self, metric: Metric, suffix: str = "") -> dict[tuple[str, ...], float]:
        """All samples of a metric, by label values in order."""
        name = f"{metric.name}{suffix}"
        return {
            tuple(dict(labels)[label] for label in metric.labels): value
            for (found, labels), value in self.samples.items()
            if found == name
        }

    def counted(self, metric: Metric, suffix: str = "") -> dict[tuple[str, ...], float]:
        """The same, without the series at 0, which exist before their first event."""
        found = self.by_labels(metric, suffix)
        return {labels: value for labels, value in found.items() if value}

    def counts(self, metric: Histogram) -> dict[tuple[str, ...], float]:
        """The number of a histogram's observations, by label values."""
        return self.by_labels(metric, "_count")

    def _find(self, name: str, metric: Metric, labels: tuple[str, ...]) -> float | None:
        return self.samples.get((name, frozenset(zip(metric.labels, labels, strict=True))))


def figures_of(*sources: Collector) -> Figures:
    """Scrape collectors directly."""
    text, _ = Exposition(sources).encode("")
    return parsed(text.decode())


def scraped(url: str) -> Figures:
    """Scrape a sidecar, given its base URL."""
    answer = httpx2.get(f"{url}/metrics", timeout=patience(10))
    answer.raise_for_status()
    return parsed(answer.text)


def parsed(text: str) -> Figures:
    """The samples of an exposition in plain text."""
    return Figures(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in parse(text)
            for sample in family.samples
        }
    )


def totals(hosts: Sequence[Figures]) -> Figures:
    """The figures of several hosts together, as rules and panels combine them."""
    found: defaultdict[tuple[str, frozenset[tuple[str, str]]], list[float]] = defaultdict(list)
    for host in hosts:
        for series, value in host.samples.items():
            found[series].append(value)
    return Figures({series: _total(series[0], values) for series, values in found.items()})


def _total(name: str, values: list[float]) -> float:
    return max(values) if name in _SHARED else sum(values)


def busy(found: Figures) -> dict[str, object]:
    """The gauges with values other than those of an idle service."""
    gauges = (metrics.INTERVIEWS_ACTIVE, metrics.QUEUE_DEPTH, metrics.CELERY_TASKS_ACTIVE)
    up = found.by_labels(metrics.CELERY_WORKER_UP)
    assert up
    working = {
        gauge.name: {labels: value for labels, value in found.by_labels(gauge).items() if value}
        for gauge in gauges
    }
    working[metrics.CELERY_WORKER_UP.name] = {one: value for one, value in up.items() if not value}
    return {name: each for name, each in working.items() if each}
