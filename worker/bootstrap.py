"""The composition root: creates the adapters and use cases from the settings."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celery import Celery
from pydantic import SecretStr

from tasks.errors import Permanent
from tasks.interviews.interview import Priority
from tasks.pipeline.queues import QUEUES, STAGES, Broker
from tasks.pipeline.services import Services
from tasks.ports import Ledger
from tasks.providers.calendar import InstrumentedCalendar
from tasks.providers.chain import call_once
from tasks.providers.language import LanguageProviders
from tasks.providers.masking import Masker
from tasks.providers.speech import SpeechProviders
from tasks.scheduling.calendars import Calendars
from worker.adapters.billing import Biller, Budgets
from worker.adapters.broker import (
    PRIORITIES,
    CeleryDispatcher,
    CeleryHeldMessages,
    RedisUnackedMessages,
)
from worker.adapters.broker.amqp_server import check_amqp
from worker.adapters.broker.queues import open_broker
from worker.adapters.broker.redis_address import is_redis
from worker.adapters.broker.redis_server import check_redis
from worker.adapters.http.download import download
from worker.adapters.masking import open_masker
from worker.adapters.media import probe
from worker.adapters.mongo import (
    GridFSAudio,
    Mongo,
    MongoAudit,
    MongoCallbacks,
    MongoIdempotency,
    MongoInterviews,
    MongoKeys,
    MongoLedger,
    MongoRequests,
    MongoReservations,
    PortableInterviews,
)
from worker.adapters.prices import load_prices
from worker.adapters.providers import Context
from worker.adapters.resilience.breaker import BreakerRegistry
from worker.adapters.resilience.circuits import CircuitReader
from worker.adapters.resilience.rate_limit import RateLimit
from worker.adapters.resilience.retry import StaminaRetry
from worker.adapters.webhooks import WebhookSender, check_callback_url
from worker.intake.processor import RequestProcessor
from worker.intake.service import Intake
from worker.lifecycle.erasure import Eraser
from worker.plugins import CALENDAR, LANGUAGE, SPEECH, P, ProviderKind
from worker.ports import HeldMessages
from worker.settings import Settings

REDIS, RABBITMQ = "redis", "rabbitmq"
"""The kinds of brokers."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores in MongoDB."""

    mongo: Mongo
    interviews: MongoInterviews
    callbacks: MongoCallbacks
    audio: GridFSAudio
    requests: MongoRequests
    reservations: MongoReservations
    keys: MongoKeys
    audit: MongoAudit
    idempotency: MongoIdempotency
    ledger: MongoLedger


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Connect to MongoDB for the duration of the context."""
    mongo = Mongo(_required(settings.mongodb_url, "MONGODB_URL"))
    try:
        yield Stores(
            mongo,
            PortableInterviews(mongo.database),
            MongoCallbacks(mongo.database),
            GridFSAudio(mongo.database),
            MongoRequests(mongo.database),
            MongoReservations(mongo.database),
            MongoKeys(mongo.database),
            MongoAudit(mongo.database),
            MongoIdempotency(mongo.database),
            MongoLedger(mongo.database),
        )
    finally:
        mongo.close()


def prepare(stores: Stores) -> None:
    """Create the indexes of the stores; idempotent."""
    stores.interviews.prepare()
    stores.callbacks.prepare()
    stores.audio.prepare()
    stores.requests.prepare()
    stores.reservations.prepare()
    stores.audit.prepare()
    stores.idempotency.prepare()


def intake(settings: Settings, stores: Stores, app: Celery) -> Intake:
    """Create the intake of interviews."""
    return Intake(
        stores.interviews,
        stores.audio,
        CeleryDispatcher(app),
        settings,
        probe=probe,
        check_callback_url=check_callback_url,
    )


def request_processor(settings: Settings, stores: Stores, app: Celery) -> RequestProcessor:
    """Create the processor of stored requests."""
    return RequestProcessor(
        stores.requests,
        intake(settings, stores, app),
        download=download,
        lease=timedelta(seconds=settings.lease_seconds),
        backoff=settings.retry_backoff,
    )


def eraser(stores: Stores, calendars: Calendars) -> Eraser:
    """Create the eraser of interviews."""
    return Eraser(stores.interviews, stores.audio, calendars, stores.reservations, stores.audit)


def check_providers(settings: Settings, *kinds: ProviderKind[Any]) -> None:
    """Check that the configured providers can be created.

    Args:
        settings: The settings.
        kinds: The kinds of providers to check; without any, all kinds.

    Raises:
        MissingExtra: The packages of a provider are not installed.
        Permanent: A provider is not installed or lacks a setting, or the price list cannot be read.
    """
    with provider_context(settings) as context:
        for kind in kinds or (SPEECH, LANGUAGE, CALENDAR):
            _open_providers(kind, context)


def check_broker(settings: Settings) -> None:
    """Check the broker at start, and log what it lacks and whether it may lose messages.

    Raises:
        Permanent: `REDIS_URL` is not set or invalid, or names a Redis Cluster.
    """
    url = _required(settings.redis_url, "REDIS_URL")
    if is_redis(url):
        check_redis(url)
    else:
        check_amqp(url, settings.redelivery_seconds)


@contextmanager
def provider_context(settings: Settings, ledger: Ledger | None = None) -> Iterator[Context]:
    """Open the context that provider factories take, for the duration of this one.

    Args:
        settings: The settings. Without Redis, circuit breakers are not shared with other processes.
        ledger: Stores the spending; None to not store it.

    Raises:
        Permanent: The price list cannot be read.
    """
    models = {value for name, value in settings if name.endswith("_model")}
    breakers = BreakerRegistry(
        _redis(settings) if settings.redis_url else None,
        failures=settings.circuit_failures,
        seconds=settings.circuit_seconds,
        trial_timeout=settings.provider_timeout,
        key_prefix=settings.redis_key_prefix,
    )
    bill = Biller(load_prices(settings.prices_file), ledger, models=frozenset(models))
    with closing(breakers):
        yield Context(settings, breakers, bill)


def calendars(context: Context) -> Calendars:
    """Create the configured calendar providers.

    If there is only one, its calls are not retried at once: the stage is retried with back-off.
    """
    found = _open_providers(CALENDAR, context)
    retry = _retry_policy(context.settings) if len(found) > 1 else call_once
    return Calendars(*(InstrumentedCalendar(provider, retry) for provider in found))


def services(context: Context, stores: Stores) -> Services:
    """Create the dependencies of the stages. Models are loaded at their first use."""
    settings = context.settings
    retry, admit = _retry_policy(settings), Budgets(settings.daily_budget, stores.ledger).admit
    return Services(
        interviews=stores.interviews,
        audio=stores.audio,
        speech=SpeechProviders(_open_providers(SPEECH, context), retry, admit),
        language=LanguageProviders(_open_providers(LANGUAGE, context), retry, admit),
        calendars=calendars(context),
        reservations=stores.reservations,
        max_attempts=settings.max_attempts,
        backoff=settings.retry_backoff,
        consent_required=settings.consent_required,
        masker=_masker(settings),
        lease=timedelta(seconds=settings.lease_seconds),
    )


def _masker(settings: Settings) -> Masker | None:
    """The masker; by default, masking is on if a language provider is not local."""
    leaves = set(settings.analysis_providers) != {"local"}
    wanted = leaves if settings.mask_personal_data is None else settings.mask_personal_data
    return open_masker() if wanted else None


def _open_providers(kind: ProviderKind[P], context: Context) -> list[P]:
    names: Sequence[str] = getattr(context.settings, kind.setting.lower())
    return [kind.open(name, context) for name in names]


def _retry_policy(settings: Settings) -> StaminaRetry:
    return StaminaRetry(
        attempts=settings.provider_attempts,
        seconds=settings.provider_patience,
        time_limit=settings.stage_time_limit,
    )


def breaker_states(settings: Settings) -> CircuitReader | None:
    """Create a reader of the circuit breakers' states; None if processes do not share them."""
    url = _redis(settings)
    return CircuitReader(url, key_prefix=settings.redis_key_prefix) if url else None


def webhook_sender(settings: Settings) -> WebhookSender | None:
    """Create the sender of callbacks; None without a secret to sign them."""
    if not settings.webhook_secrets:
        return None
    return WebhookSender(
        settings.webhook_secrets,
        timeout=settings.webhook_timeout,
        allow_private=settings.callback_url_allow_private,
    )


def broker(settings: Settings) -> Broker:
    """Create the reader of the broker's queues."""
    names = {step: str(priority) for priority, step in PRIORITIES.items()}
    # kombu has a step 6 too; the service does not use it, but other producers may.
    priorities = {6: str(Priority.LOW), **names}
    return open_broker(
        _required(settings.redis_url, "REDIS_URL"),
        QUEUES,
        priorities,
        key_prefix=settings.redis_key_prefix,
    )


def broker_name(settings: Settings) -> str:
    """The name of the kind of broker in health checks and metrics."""
    return REDIS if _redis(settings) else RABBITMQ


def unacked_messages(settings: Settings) -> RedisUnackedMessages | None:
    """Create the reader of unacked messages; None for a broker that detects dead workers."""
    url = _redis(settings)
    if url is None:
        return None
    return RedisUnackedMessages(url, tuple(STAGES), key_prefix=settings.redis_key_prefix)


def held_messages(settings: Settings, app: Celery) -> HeldMessages | None:
    """Create the reader of held messages; None for a broker that lists them itself."""
    return None if _redis(settings) else CeleryHeldMessages(app)


def rate_limit(settings: Settings) -> RateLimit | None:
    """Create the rate limit; None if it is disabled or the broker is not Redis."""
    url = _redis(settings)
    if not settings.rate_limit or url is None:
        return None
    return RateLimit(url, settings.rate_limit, key_prefix=settings.redis_key_prefix)


def _redis(settings: Settings) -> str | None:
    """The URL of Redis; None if the broker is another one."""
    url = _required(settings.redis_url, "REDIS_URL")
    return url if is_redis(url) else None


def _required(value: SecretStr | None, name: str) -> str:
    if value is None:
        raise Permanent(f"{name} is not set", code="configuration")
    return value.get_secret_value()
