"""Exposition of metrics to Prometheus."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, make_asgi_app
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from monitoring import metrics
from monitoring.metrics.definitions import Counter, Gauge, Histogram, Metric, Scope
from monitoring.metrics.domains import Bounds, Values
from monitoring.metrics.initial import Series

_MOST_SERIES = 2000
"""Exposed series of a metric, of all processes of a host."""


class Exposition(Collector):
    """Exposes a list of metrics in order, with samples from several sources.

    Labels are kept within their domains, whatever the sources read. A metric without samples is
    exposed too, with its type and help text, to distinguish an unknown value from an unknown
    metric.

    Args:
        sources: Collectors that provide the samples.
        definitions: The metrics to expose; others are left out.
        initial: Returns the counters and histograms that are exposed at 0 until a source has
            samples of them. It is called after the sources are read. A metric that no source has
            reported, with or without samples, is unknown and not 0.
    """

    def __init__(
        self,
        sources: Iterable[Collector],
        definitions: Iterable[Metric] = metrics.ALL,
        initial: Callable[[], Iterable[Series]] = tuple,
    ) -> None:
        self._sources = tuple(sources)
        self._definitions = tuple(definitions)
        self._initial = initial

    def collect(self) -> Iterable[Family]:
        """Read all sources once."""
        found: dict[str, list[Sample]] = {}
        for source in self._sources:
            for family in source.collect():
                found.setdefault(family.name, []).extend(family.samples)
        initial: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        for metric, labels in self._initial():
            if _source(metric).family in found:
                initial[metric.name].add(labels)
        for definition in self._definitions:
            samples = _samples(definition, found)
            known = initial.get(definition.name, set())
            zeros = _zeros(definition, known, samples)
            yield _family(definition, _bounded(definition, samples + zeros))

    def encode(self, accept: str) -> tuple[bytes, str]:
        """Read and encode all sources once.

        Args:
            accept: The request's Accept header; OpenMetrics if requested, else plain text.

        Returns:
            The body and its content type.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            encoder, content_type = choose_encoder(accept)
        except TypeError:
            # The library fails on an invalid version in the header, such as `1.x`.
            encoder, content_type = choose_encoder("")
        return encoder(registry), content_type


def metrics_application(exposition: Exposition) -> Callable[..., Awaitable[None]]:
    """An ASGI application that serves an exposition at any path, compressed if accepted."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(exposition)
    application: Callable[..., Awaitable[None]] = make_asgi_app(registry)
    return application


def _source(definition: Metric) -> Metric:
    """The metric that is recorded, from which this one may be derived."""
    if isinstance(definition, Counter) and definition.counts is not None:
        return definition.counts
    if isinstance(definition, Histogram) and definition.sums is not None:
        return definition.sums[0]
    return definition


def _samples(definition: Metric, found: Mapping[str, list[Sample]]) -> list[Sample]:
    if isinstance(definition, Counter) and definition.counts is not None:
        histogram = definition.counts.name
        return [
            Sample(definition.name, sample.labels, sample.value)
            for sample in found.get(histogram, ())
            if sample.name == f"{histogram}_count"
        ]
    if isinstance(definition, Histogram) and definition.sums is not None:
        return _summed_samples(definition, *definition.sums, found)
    return found.get(definition.family, [])


def _summed_samples(
    definition: Histogram,
    source: Histogram,
    labels: tuple[str, ...],
    found: Mapping[str, list[Sample]],
) -> list[Sample]:
    """The samples of a histogram, summed over the labels that another one does not have."""
    totals: dict[tuple[str, tuple[tuple[str, str], ...]], float] = defaultdict(float)
    for sample in found.get(source.name, ()):
        labels_left: dict[str, str] = dict(
            zip(definition.labels, map(sample.labels.__getitem__, labels), strict=True)
        )
        if "le" in sample.labels:
            labels_left["le"] = sample.labels["le"]
        name = definition.name + sample.name.removeprefix(source.name)
        totals[name, tuple(labels_left.items())] += sample.value
    return [Sample(name, dict(labels_left), value) for (name, labels_left), value in totals.items()]


def _zeros(
    definition: Metric, known: Iterable[tuple[str, ...]], samples: Iterable[Sample]
) -> list[Sample]:
    """Samples at 0 of the known series that have none."""
    names = definition.labels
    there = {tuple(sample.labels[name] for name in names) for sample in samples} if known else ()
    return [
        sample
        for values in known
        if values not in there
        for sample in _zero(definition, dict(zip(names, values, strict=True)))
    ]


def _zero(definition: Metric, labels: dict[str, str]) -> list[Sample]:
    if not isinstance(definition, Histogram):
        return [Sample(definition.name, labels, 0.0)]
    bounds = (*(str(float(bound)) for bound in definition.buckets), "+Inf")
    return [
        *(Sample(f"{definition.name}_bucket", {**labels, "le": bound}, 0.0) for bound in bounds),
        Sample(f"{definition.name}_count", labels, 0.0),
        Sample(f"{definition.name}_sum", labels, 0.0),
    ]


def _bounded(definition: Metric, samples: list[Sample]) -> list[Sample]:
    """The samples with `other` in place of labels outside their domains."""
    if not definition.labels:
        return samples
    names = definition.labels
    given = [tuple([str(sample.labels[name]) for name in names]) for sample in samples]
    bounds = Bounds(names, _MOST_SERIES)
    # Sorted, so that it does not depend on the order of the sources which values are accepted.
    admitted = {values: bounds.admit(values) for values in sorted(set(given))}
    if all(values == found for values, found in admitted.items()):
        return samples
    return _combined(definition, zip(samples, map(admitted.__getitem__, given), strict=True))


def _combined(definition: Metric, samples: Iterable[tuple[Sample, Values]]) -> list[Sample]:
    """Samples with other labels; those that have become the same combine as several hosts do."""
    is_shared = isinstance(definition, Gauge) and definition.scope is Scope.SHARED
    found: dict[tuple[str, Values, str], Sample] = {}
    for sample, values in samples:
        le = sample.labels.get("le", "")
        labels = dict(zip(definition.labels, values, strict=True)) | ({"le": le} if le else {})
        key = sample.name, values, le
        value = sample.value
        if key in found:
            before = found[key].value
            value = max(before, value) if is_shared else before + value
        found[key] = Sample(sample.name, labels, value)
    return list(found.values())


def _family(definition: Metric, samples: list[Sample]) -> Family:
    family = Family(definition.family, definition.help, definition.kind, definition.unit)
    family.samples = sorted(samples, key=_sort_key) if definition.kind == "histogram" else samples
    return family


def _sort_key(sample: Sample) -> tuple[list[tuple[str, str]], str, float]:
    """Sort key: buckets by size, then count and sum, as OpenMetrics requires."""
    labels = sorted((name, value) for name, value in sample.labels.items() if name != "le")
    return labels, sample.name, float(sample.labels.get("le", 0))
