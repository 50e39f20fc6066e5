"""Series that exist at 0 before their first event.

A counter that first appears with its first event is invisible to PromQL's `increase` and `rate`,
which need a previous sample. All series whose labels are known are therefore exposed from the
start of the sidecar. `OPEN` lists the metrics with other series; expressions use
`monitoring.stack.promql.Promql.increase` for them, which counts a first sample.

https://prometheus.io/docs/practices/instrumentation/#avoid-missing-metrics
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product

from monitoring import metrics
from monitoring.metrics.definitions import Counter, ExternalCounter, Histogram, Metric
from monitoring.metrics.domains import Label, OneOf
from monitoring.metrics.labels import HOSTNAME, QUEUE_NAME, TASK
from tasks.interviews.interview import AnalysisType
from tasks.pipeline.queues import FETCH, QUEUES, REQUESTS

Series = tuple[Metric, tuple[str, ...]]
"""A metric and the values of its labels."""

OPEN: frozenset[Metric] = frozenset(
    {
        # Error codes of providers are not enumerated, because those of plugins are unknown.
        metrics.STAGE_RETRIES,
        metrics.EXTERNAL_RETRIES,
        # Plugins call endpoints of their own, and any status may be returned.
        metrics.EXTERNAL_DURATION,
        metrics.EXTERNAL_REQUESTS,
        metrics.CIRCUIT_OPENINGS,
    }
)
"""Counters and histograms of which some series first appear with their first event."""

COUNTED: tuple[Counter | Histogram, ...] = tuple(
    metric
    for metric in metrics.ALL
    if isinstance(metric, Counter | Histogram) and not isinstance(metric, ExternalCounter)
)
"""The counters and histograms of our processes."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the API.

    Attributes:
        path: Its template.
        method: Its method.
        statuses: The statuses that it responds with.
    """

    path: str
    method: str
    statuses: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The label values that depend on the settings.

    Attributes:
        types: The interview types that are accepted.
        speech: The speech providers, in order of preference.
        language: The language providers, in order of preference.
        calendars: The calendar providers, in order of preference.
        models: The models of each provider, as in metrics.
        endpoints: The services and endpoints that are called.
        produced: The Kafka topics that are written.
        consumed: The Kafka topics that are read.
        routes: The routes of the API.
    """

    types: Sequence[str] = ()
    speech: Sequence[str] = ()
    language: Sequence[str] = ()
    calendars: Sequence[str] = ()
    models: Mapping[str, Sequence[str]] = field(default_factory=dict)
    endpoints: Sequence[tuple[str, str]] = ()
    produced: Sequence[str] = ()
    consumed: Sequence[str] = ()
    routes: Sequence[Route] = ()


def known_series(configuration: Configuration) -> Iterator[Series]:
    """All series with known labels, except those of Celery."""
    for metric in COUNTED:
        if all(isinstance(label.domain, OneOf) for label in metric.labels):
            yield from _each(metric)
    for ended in (metrics.INTERVIEW_DURATION, metrics.INTERVIEWS):
        yield from _each(ended, type=configuration.types)
    yield from _providers(configuration)
    yield from _external(configuration)
    yield from _requests(configuration.routes)
    yield from _each(metrics.KAFKA_PRODUCED, topic=configuration.produced)
    yield from _each(metrics.KAFKA_CONSUMED, topic=configuration.consumed)


def celery_series(hostname: str, queues: Iterable[str]) -> Iterator[Series]:
    """The series of a worker's tasks.

    Args:
        hostname: The node name of the worker.
        queues: The queues that it consumes.
    """
    for queue in queues:
        tasks = _TASKS.get(queue, ())
        for metric in _TASK_METRICS:
            yield from _each(metric, name=tasks, hostname=(hostname,), queue_name=(queue,))


def published_series(hostname: str) -> Iterator[Series]:
    """The series of the tasks that a process publishes.

    Args:
        hostname: The node name of the process.
    """
    for queue, tasks in _TASKS.items():
        yield from _each(metrics.CELERY_SENT, name=tasks, hostname=(hostname,), queue_name=(queue,))


_TASKS = {queue: (REQUESTS, FETCH) if queue == REQUESTS else (queue,) for queue in QUEUES}
"""The tasks of each queue. The queue of a stage has the name of its task."""

_TASK_METRICS = tuple(
    metric
    for metric in COUNTED
    if {TASK, HOSTNAME, QUEUE_NAME} <= {*metric.labels} and metric is not metrics.CELERY_SENT
)


def _providers(given: Configuration) -> Iterator[Series]:
    for metric in _SPEECH_METRICS:
        yield from _each(metric, provider=given.speech)
    yield from _each(metrics.TRANSCRIPTION_AUDIO, provider=given.speech, mode=("batch",))
    yield from _each(metrics.ANALYSES, provider=given.language)
    yield from _each(metrics.ANALYSIS_DURATION, provider=given.language)
    yield from _each(metrics.CALENDAR_CALLS, provider=given.calendars)
    yield from _each(metrics.EXTERNAL_BUDGET_SKIPS, provider=(*given.speech, *given.language))
    yield from _fallbacks(given)
    yield from _costs(given)


_SPEECH_METRICS = (
    metrics.TRANSCRIPTIONS,
    metrics.TRANSCRIPTION_DURATION,
    metrics.TRANSCRIPTION_CONFIDENCE,
    metrics.TRANSCRIPTION_REAL_TIME_FACTOR,
    metrics.TRANSCRIPTION_RECOVERIES,
)


def _fallbacks(given: Configuration) -> Iterator[Series]:
    for pair in permutations(given.speech, 2):
        yield metrics.TRANSCRIPTION_FALLBACKS, pair
    for pair in permutations(given.calendars, 2):
        yield metrics.SCHEDULING_FALLBACKS, pair
    for kind, pair in product(AnalysisType, permutations(given.language, 2)):
        yield metrics.ANALYSIS_FALLBACKS, (kind, *pair)


def _costs(given: Configuration) -> Iterator[Series]:
    for provider in given.speech:
        models = given.models.get(provider, ())
        for metric in (metrics.TRANSCRIPTION_COST, metrics.EXTERNAL_UNPRICED):
            yield from _each(metric, provider=(provider,), model=models)
    for provider in given.language:
        models = given.models.get(provider, ())
        for metric in (metrics.ANALYSIS_COST, metrics.EXTERNAL_UNPRICED, metrics.ANALYSIS_TOKENS):
            yield from _each(metric, provider=(provider,), model=models)


_HTTP_STATUSES = (
    *("200", "201", "204", "207", "400", "401", "403", "404", "408", "409", "412", "429"),
    *("500", "502", "503", "504", "error"),
)
"""The usual statuses of external services."""


def _external(given: Configuration) -> Iterator[Series]:
    for service in {service for service, _ in given.endpoints}:
        yield metrics.EXTERNAL_ERRORS, (service,)
    for endpoint in given.endpoints:
        yield metrics.CIRCUIT_OPENINGS, endpoint
        for status in _HTTP_STATUSES:
            yield metrics.EXTERNAL_REQUESTS, (*endpoint, status)


def _requests(routes: Iterable[Route]) -> Iterator[Series]:
    for route in routes:
        yield metrics.HTTP_DURATION, (route.path, route.method)
        for status in route.statuses:
            yield metrics.HTTP_REQUESTS, (route.path, route.method, status)


def _each(metric: Counter | Histogram, **given: Sequence[str]) -> Iterator[Series]:
    """The series with all combinations of values: those given, else those of a label's domain."""
    for values in product(*(_values(label, given) for label in metric.labels)):
        yield metric, values


def _values(label: Label, given: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if label in given:
        return given[label]
    assert isinstance(label.domain, OneOf), f"{label} can have any value"  # noqa: S101 - by caller
    return label.domain.values
