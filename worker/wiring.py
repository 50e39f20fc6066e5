"""The one place where adapters are chosen, opened and put together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from celery import Celery
from pydantic import SecretStr

from monitoring.broker import Broker, open_broker
from tasks.announced import AnnouncedCalendar
from tasks.errors import Permanent
from tasks.interview import Priority
from tasks.ports import CalendarProvider
from tasks.services import Services
from worker.adapters.broker import PRIORITIES, CeleryDispatcher, HeldMessages
from worker.adapters.calendars import open_caldav
from worker.adapters.language.local import LocalProvider
from worker.adapters.limits import RequestLimit
from worker.adapters.mongo import (
    GridFSAudio,
    Mongo,
    MongoAudit,
    MongoCallbacks,
    MongoIdempotency,
    MongoInterviews,
    MongoKeys,
    MongoRequests,
    MongoReservations,
)
from worker.adapters.speech.whisper import WhisperProvider
from worker.adapters.webhooks import WebhookSender
from worker.app import QUEUES, STAGES
from worker.erasure import Eraser
from worker.intake import Intake
from worker.receiver import Receiver
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept in MongoDB."""

    mongo: Mongo
    interviews: MongoInterviews
    callbacks: MongoCallbacks
    audio: GridFSAudio
    requests: MongoRequests
    reservations: MongoReservations
    keys: MongoKeys
    audit: MongoAudit
    idempotency: MongoIdempotency


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Connect to MongoDB, for as long as the context lasts."""
    mongo = Mongo(_required(settings.mongodb_url, "MONGODB_URL"))
    try:
        yield Stores(
            mongo,
            MongoInterviews(mongo.database),
            MongoCallbacks(mongo.database),
            GridFSAudio(mongo.database),
            MongoRequests(mongo.database),
            MongoReservations(mongo.database),
            MongoKeys(mongo.database),
            MongoAudit(mongo.database),
            MongoIdempotency(mongo.database),
        )
    finally:
        mongo.close()


def prepare(stores: Stores) -> None:
    """Create what the stores need: indexes."""
    stores.interviews.prepare()
    stores.callbacks.prepare()
    stores.audio.prepare()
    stores.requests.prepare()
    stores.reservations.prepare()
    stores.audit.prepare()
    stores.idempotency.prepare()


def intake(settings: Settings, stores: Stores, app: Celery) -> Intake:
    """The door for new interviews."""
    return Intake(stores.interviews, stores.audio, CeleryDispatcher(app), settings)


def receiver(settings: Settings, stores: Stores, app: Celery) -> Receiver:
    """What turns requests into interviews."""
    return Receiver(
        stores.requests,
        intake(settings, stores, app),
        lease=timedelta(seconds=settings.lease_seconds),
        backoff=settings.retry_backoff,
    )


def eraser(stores: Stores, calendar: CalendarProvider) -> Eraser:
    """What erases interviews."""
    return Eraser(stores.interviews, stores.audio, calendar, stores.reservations, stores.audit)


def calendar(settings: Settings) -> CalendarProvider:
    """The calendar provider of the settings."""
    caldav = open_caldav(
        _required(settings.caldav_url, "CALDAV_URL"),
        create_missing=settings.caldav_create_calendars,
        timeout=settings.caldav_timeout,
    )
    return AnnouncedCalendar(caldav)


def services(settings: Settings, stores: Stores) -> Services:
    """What the stages work with; models are loaded at their first use."""
    return Services(
        interviews=stores.interviews,
        audio=stores.audio,
        speech=WhisperProvider(settings.whisper_model, cpu_threads=settings.whisper_threads),
        language=LocalProvider(),
        calendar=calendar(settings),
        reservations=stores.reservations,
        max_attempts=settings.max_attempts,
        backoff=settings.retry_backoff,
        consent_required=settings.consent_required,
        lease=timedelta(seconds=settings.lease_seconds),
    )


def webhooks(settings: Settings) -> WebhookSender | None:
    """What posts callbacks; None where there is no secret to sign them with."""
    if not settings.webhook_secrets:
        return None
    return WebhookSender(
        settings.webhook_secrets,
        timeout=settings.webhook_timeout,
        allow_private=settings.callback_url_allow_private,
    )


def broker(settings: Settings) -> Broker:
    """The broker, as monitoring reads it."""
    names = {step: str(priority) for priority, step in PRIORITIES.items()}
    # kombu has a step 6 too, which we never send to but others may.
    priorities = {6: str(Priority.LOW), **names}
    return open_broker(
        _required(settings.redis_url, "REDIS_URL"),
        QUEUES,
        priorities,
        key_prefix=settings.redis_key_prefix,
    )


def held_messages(settings: Settings) -> HeldMessages | None:
    """What workers hold; None of brokers that give it to others when a connection ends."""
    url = _required(settings.redis_url, "REDIS_URL")
    if not url.startswith("redis"):
        return None
    return HeldMessages(url, tuple(STAGES), key_prefix=settings.redis_key_prefix)


def request_limit(settings: Settings) -> RequestLimit | None:
    """The limit of requests; None where there is none, or no Redis to count in."""
    url = _required(settings.redis_url, "REDIS_URL")
    if not settings.rate_limit or not url.startswith("redis"):
        return None
    return RequestLimit(url, settings.rate_limit, key_prefix=settings.redis_key_prefix)


def _required(value: SecretStr | None, name: str) -> str:
    if value is None:
        raise Permanent(f"{name} is not set", code="configuration")
    return value.get_secret_value()
