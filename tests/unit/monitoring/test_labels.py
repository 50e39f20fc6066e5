"""Whatever a client, a message, a provider or a file says, labels stay within their domains."""

import string
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from prometheus_client.registry import Collector

from monitoring import metrics
from monitoring.collectors.families import family
from monitoring.metrics import recording
from monitoring.metrics.definitions import Counter, Gauge, Histogram, Metric
from monitoring.metrics.domains import MOST_SERIES, OTHER, Bounds, Label, OneOf, UpTo
from monitoring.metrics.exposition import Exposition
from monitoring.metrics.recording import RecordedMetrics, Recorder, families
from monitoring.metrics.storage import SeriesFile
from tests.monitoring.figures import figures_of

LABELLED = [metric for metric in metrics.ALL if metric.labels]
RECORDED = [
    metric
    for metric in metrics.ALL
    if metric.recorded_labels and metric.name in recording._RECORDED
]

HOSTILE = (
    "",
    "x" * 10_000,
    'quoted "',
    "back\\slash",
    "two\nlines",
    "null\0",
    "half \ud800",
    "\u202eright to left",
    '"} 1\nfaked_total{a="',
)
"""Text that would break an exposition, or make it large."""


def texts() -> Iterator[str]:
    """Hostile texts, and then a new one each time."""
    yield from HOSTILE
    number = 0
    while True:
        number += 1
        yield f"{number}-{string.punctuation}"


def most_values(label: Label) -> int:
    """How many values of a label are exposed at most, with `other`."""
    domain = label.domain
    return 1 + (domain.most if isinstance(domain, UpTo) else len(domain.values))


@pytest.mark.parametrize("metric", LABELLED, ids=lambda metric: metric.name)
def test_every_label_has_a_domain(metric: Metric) -> None:
    for label in metric.labels:
        domain = label.domain
        if isinstance(domain, UpTo):
            assert 0 < domain.most <= MOST_SERIES
            assert domain.what
        else:
            assert 0 < len(set(domain.values)) == len(domain.values) <= 70


def test_a_metric_without_domains_cannot_be_defined() -> None:
    bare: tuple[Label, ...] = ("status",)  # type: ignore[assignment] # what a newcomer writes
    with pytest.raises(TypeError, match="status of some_total has no domain"):
        Counter(name="some_total", help="Some.", labels=bare)


def test_a_closed_domain_has_its_values_only() -> None:
    bounds = Bounds([Label("status", OneOf(("success", "error")))])
    assert bounds.admit(("success",)) == ("success",)
    assert bounds.admit(("Success",)) == (OTHER,)


def test_an_open_domain_has_its_first_values() -> None:
    bounds = Bounds([Label("provider", UpTo(2, "a provider"))])
    given = ["one", "two", "three", "one", "two"]
    assert [bounds.admit((one,))[0] for one in given] == ["one", "two", OTHER, "one", "two"]


@pytest.mark.parametrize("text", HOSTILE)
def test_an_open_domain_has_printable_text_of_limited_length(text: str) -> None:
    bounds = Bounds([Label("provider", UpTo(20, "a provider"))])
    is_accepted = text.isprintable() and 0 < len(text) <= 128
    assert bounds.admit((text,)) == (text if is_accepted else OTHER,)


def test_the_number_of_series_is_limited() -> None:
    labels = [Label("topic", UpTo(100, "a topic")), Label("partition", UpTo(100, "a partition"))]
    bounds = Bounds(labels, most=150)
    found = {bounds.admit((str(n // 100), str(n % 100))) for n in range(10_000)}
    assert len(found) == 151
    assert (OTHER, OTHER) in found


@pytest.mark.parametrize("metric", RECORDED, ids=lambda metric: metric.name)
def test_what_is_recorded_stays_within_the_domains(metric: Metric) -> None:
    recorder = Recorder()
    given = texts()
    for _ in range(500):
        values = islice(given, len(metric.recorded_labels))
        if isinstance(metric, Histogram):
            recorder.observe(metric, 1, *values)
        else:
            assert isinstance(metric, Counter)
            recorder.count(metric, *values)
    totals = recorder.totals()
    for position, label in enumerate(metric.recorded_labels):
        assert len({labels[position] for _, labels in totals}) <= most_values(label)
    # A histogram's first value is the sum of its observations, each of which is 1.
    assert sum(values[0] for values in totals.values()) == 500


class Hostile(Collector):
    """A source with any labels, as a collector that was forgotten may have."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    def collect(self) -> Iterator[Family]:
        given = texts()
        all_values = [tuple(islice(given, len(self.metric.labels))) for _ in range(600)]
        if isinstance(self.metric, Gauge) or self.metric.name not in recording._RECORDED:
            found = family(self.metric)
            for values in all_values:
                found.add(values, 1)
            yield found
            return
        size = len(self.metric.buckets) + 2 if isinstance(self.metric, Histogram) else 1
        yield from families({(self.metric.name, values): [1.0] * size for values in all_values})


@pytest.mark.parametrize("metric", LABELLED, ids=lambda metric: metric.name)
def test_what_is_exposed_stays_within_the_domains(metric: Metric) -> None:
    source = metric
    if isinstance(metric, Counter) and metric.counts is not None:
        source = metric.counts
    if isinstance(metric, Histogram) and metric.sums is not None:
        source = metric.sums[0]
    exposition = Exposition([Hostile(source)], [metric])
    for accept, parse in (("", parse_plain), ("application/openmetrics-text", parse_open)):
        body, _ = exposition.encode(accept)
        assert len(body) < 3_000_000
        (found,) = parse(body.decode())
        assert found.samples
        for label in metric.labels:
            values = {sample.labels[label] for sample in found.samples}
            assert len(values) <= most_values(label)
            if isinstance(label.domain, OneOf):
                assert values <= {*label.domain.values, OTHER}
        series = {(sample.name, *sorted(sample.labels.items())) for sample in found.samples}
        assert len(series) == len(found.samples)


def test_the_number_of_exposed_series_is_limited() -> None:
    class Source(Collector):
        def collect(self) -> Iterator[Family]:
            found = family(metrics.KAFKA_LAG)
            for topic, partition in product(range(10), range(300)):
                found.add((f"topic-{topic}", str(partition), "group"), 7)
            yield found

    found = figures_of(Source()).by_labels(metrics.KAFKA_LAG)
    assert len(found) == 2001
    assert found[OTHER, OTHER, OTHER] == 7


def test_series_that_become_the_same_combine() -> None:
    class Source(Collector):
        def collect(self) -> Iterator[Family]:
            for definition, values in (
                (metrics.CELERY_CONSUMERS, (("mine",), ("yours",))),
                (metrics.QUEUE_RESERVED, (("mine",), ("yours",))),
            ):
                found = family(definition)
                for number, labels in enumerate(values, 2):
                    found.add(labels, number)
                yield found

    figures = figures_of(Source())
    # Of this host; and of a server that all hosts share.
    assert figures.by_labels(metrics.CELERY_CONSUMERS) == {(OTHER,): 5}
    assert figures.by_labels(metrics.QUEUE_RESERVED) == {(OTHER,): 3}


def test_a_file_with_any_labels_is_folded_when_it_is_read_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "worker-1.db"
    file = SeriesFile(path)
    for number in range(300):
        labels = ["interviews.analyse", f"queue {number} {'x' * 500}"]
        key = recording._key(metrics.CELERY_SENT.name, tuple(labels))
        file.write(file.position(key, [1.0]), [1.0])
    file.close()
    expected = {("interviews.analyse", "worker-1", OTHER): 300.0}
    assert figures_of(RecordedMetrics(tmp_path)).by_labels(metrics.CELERY_SENT) == expected
    successor = Recorder("worker-1")
    successor.write_to(tmp_path, "worker-1")
    successor.count(metrics.CELERY_SENT, "interviews.analyse", "another")
    assert figures_of(successor).by_labels(metrics.CELERY_SENT) == {
        ("interviews.analyse", "worker-1", OTHER): 301.0
    }
    successor.close()
    found = figures_of(RecordedMetrics(tmp_path)).by_labels(metrics.CELERY_SENT)
    assert sum(found.values()) == 301
