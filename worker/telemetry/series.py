"""The series that exist from the start of the sidecar, known from its settings and routes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from monitoring.heartbeats import Worker
from monitoring.metrics.domains import OTHER
from monitoring.metrics.initial import (
    Configuration,
    Route,
    Series,
    celery_series,
    known_series,
    published_series,
)
from worker.adapters import endpoints
from worker.adapters.prices import load_prices
from worker.settings import Settings
from worker.telemetry.metrics import node_name


def configured_series(settings: Settings, routes: tuple[Route, ...]) -> Iterator[Series]:
    """The known series that stay the same while the sidecar runs.

    Args:
        settings: The settings.
        routes: The routes of the API.

    Raises:
        Permanent: The price list cannot be read.
    """
    yield from known_series(_configuration(settings, routes))
    yield from published_series(node_name("sidecar"))


def worker_series(workers: Iterable[Worker]) -> Iterator[Series]:
    """The known series of those workers that run."""
    for worker in workers:
        if worker.runs and worker.hostname is not None:
            yield from celery_series(worker.hostname, worker.queues)
            yield from published_series(worker.hostname)


def _configuration(settings: Settings, routes: tuple[Route, ...]) -> Configuration:
    speech, language, calendars = (
        tuple(settings.transcription_providers),
        tuple(settings.analysis_providers),
        tuple(settings.calendar_providers),
    )
    kafka = settings.kafka_bootstrap_servers is not None
    return Configuration(
        types=settings.interview_types,
        speech=speech,
        language=language,
        calendars=calendars,
        models=_models(settings),
        endpoints=_endpoints(settings),
        produced=(settings.kafka_events_topic,) if kafka else (),
        consumed=(settings.kafka_requests_topic,) if kafka else (),
        routes=routes,
    )


def _models(settings: Settings) -> Mapping[str, Sequence[str]]:
    prices = load_prices(settings.prices_file)

    def as_billed(provider: str, model: str) -> tuple[str, str]:
        price = prices.find(provider, model)
        return price.model if price else model, OTHER

    # The models of plugins are unknown, and nothing is billed for local models.
    chosen = (*settings.transcription_providers, *settings.analysis_providers)
    return {
        **dict.fromkeys(chosen, (OTHER,)),
        **dict.fromkeys(("whisper", "local"), ()),
        "google": as_billed("google", settings.google_speech_model),
        "openai": as_billed("openai", settings.openai_model),
        "anthropic": as_billed("anthropic", settings.anthropic_model),
    }


def _endpoints(settings: Settings) -> endpoints.Endpoints:
    called = (
        *(endpoints.SPEECH.get(one, ()) for one in settings.transcription_providers),
        *(endpoints.LANGUAGE.get(one, ()) for one in settings.analysis_providers),
        *(endpoints.CALENDAR.get(one, ()) for one in settings.calendar_providers),
        endpoints.CALLBACKS if settings.webhook_secrets else (),
        endpoints.DOWNLOADS,
    )
    return tuple(dict.fromkeys(pair for pairs in called for pair in pairs))
