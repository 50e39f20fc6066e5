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
from monitoring.signals.deliveries import Reason
from tasks.analysis.rubric import DEFAULT, rubric_ids
from tasks.interviews.interview import AnalysisType, Stage
from tasks.pipeline.queues import FETCH, QUEUES, REQUESTS
from tasks.signals import AttemptOutcome

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
        # Too many exception classes for each task and worker.
        metrics.CELERY_FAILED,
    }
)
"""Counters and histograms of which some series first appear with their first event."""

_RECORDED = tuple(
    metric
    for metric in metrics.ALL
    if isinstance(metric, Counter | Histogram) and not isinstance(metric, ExternalCounter)
)
"""The counters and histograms of our processes."""

_OUTCOMES = ("success", "error")
_STATUSES = ("success", "failed", "cancelled")
_OTHER = "other"


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
        speech: The speech providers, in order of preference.
        language: The language providers, in order of preference.
        calendars: The calendar providers, in order of preference.
        models: The models of each provider, as in metrics.
        endpoints: The services and endpoints that are called.
        produced: The Kafka topics that are written.
        consumed: The Kafka topics that are read.
        routes: The routes of the API.
    """

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
    yield from ((metric, ()) for metric in _RECORDED if not metric.labels)
    yield from _pipeline()
    yield from _providers(configuration)
    yield from _external(configuration)
    yield from _requests(configuration.routes)
    yield from _each(metrics.CALLBACKS, ("delivered", "given_up", "unwanted"))
    yield from _each(metrics.KAFKA_PRODUCED, configuration.produced, _OUTCOMES)
    yield from _each(
        metrics.KAFKA_CONSUMED, configuration.consumed, ("success", "rejected", "error")
    )


def celery_series(hostname: str, queues: Iterable[str]) -> Iterator[Series]:
    """The series of a worker's tasks.

    Args:
        hostname: The node name of the worker.
        queues: The queues that it consumes.
    """
    for queue in queues:
        for task in _TASKS.get(queue, ()):
            labels = task, hostname, queue
            for metric in _TASK_METRICS:
                yield metric, labels
            for reason in Reason:
                yield metrics.CELERY_RELEASED, (*labels, reason)


def published_series(hostname: str) -> Iterator[Series]:
    """The series of the tasks that a process publishes.

    Args:
        hostname: The node name of the process.
    """
    for queue, tasks in _TASKS.items():
        for task in tasks:
            yield metrics.CELERY_SENT, (task, hostname, queue)


_TASKS = {queue: (REQUESTS, FETCH) if queue == REQUESTS else (queue,) for queue in QUEUES}
"""The tasks of each queue. The queue of a stage has the name of its task."""

_TASK_METRICS = (
    metrics.CELERY_RUNTIME,
    metrics.CELERY_QUEUE_WAIT,
    metrics.CELERY_RECEIVED,
    metrics.CELERY_STARTED,
    metrics.CELERY_SUCCEEDED,
    metrics.CELERY_REJECTED,
    metrics.CELERY_REVOKED,
    metrics.CELERY_RETRIED,
)


def _pipeline() -> Iterator[Series]:
    types = (*sorted(rubric_ids() - {DEFAULT}), _OTHER)
    for ended in (metrics.INTERVIEW_DURATION, metrics.INTERVIEWS):
        yield from _each(ended, _STATUSES, types)
    yield from _each(metrics.STAGE_DURATION, Stage, AttemptOutcome)
    yield from _each(metrics.RESUMED, Stage, ("lease_lapsed", "message_lost", "retry"))
    yield from _each(metrics.QUEUE_WAIT, QUEUES)
    yield from _each(metrics.ANALYSIS_CONFIDENCE, AnalysisType)
    yield from _each(metrics.SCHEDULINGS, ("success", "unscheduled", "error"))


def _providers(given: Configuration) -> Iterator[Series]:
    yield from _each(metrics.TRANSCRIPTIONS, given.speech, _OUTCOMES)
    for metric in _SPEECH_METRICS:
        yield from _each(metric, given.speech)
    yield from _each(metrics.TRANSCRIPTION_AUDIO, given.speech, ("batch",))
    yield from _each(metrics.ANALYSES, AnalysisType, given.language, _OUTCOMES)
    yield from _each(metrics.ANALYSIS_DURATION, AnalysisType, given.language)
    yield from _each(metrics.CALENDAR_CALLS, given.calendars, _OUTCOMES)
    yield from _each(metrics.EXTERNAL_BUDGET_SKIPS, (*given.speech, *given.language))
    yield from _fallbacks(given)
    yield from _costs(given)


_SPEECH_METRICS = (
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
        for model in given.models.get(provider, ()):
            yield metrics.TRANSCRIPTION_COST, (provider, model)
            yield metrics.EXTERNAL_UNPRICED, (provider, model)
    for provider in given.language:
        for model in given.models.get(provider, ()):
            yield metrics.ANALYSIS_COST, (provider, model)
            yield metrics.EXTERNAL_UNPRICED, (provider, model)
            yield from _each(metrics.ANALYSIS_TOKENS, (provider,), (model,), ("input", "output"))


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


def _each(metric: Counter | Histogram, *values: Iterable[str]) -> Iterator[Series]:
    for labels in product(*values):
        yield metric, tuple(map(str, labels))
