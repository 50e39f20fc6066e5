"""The sidecar, an ASGI process with the API and the background threads of the service."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial

import uvicorn
from celery import Celery

from monitoring import metrics
from monitoring.metrics.exposition import Exposition, metrics_application
from monitoring.metrics.recording import Recorder
from tasks.clock import now
from tasks.errors import Permanent, Transient
from tasks.interviews.interview import Source
from worker.adapters.broker import CeleryDispatcher
from worker.adapters.kafka import KafkaEvents, KafkaRequests, RequestMessage
from worker.adapters.mongo import MongoLease
from worker.adapters.resilience.rate_limit import RateLimit
from worker.api.application import create_api
from worker.api.browsers import BrowserGuard
from worker.api.connections import server_config
from worker.api.context import Context
from worker.api.shutdown import GracefulServer
from worker.api.token import TokenGuard
from worker.api.traced import traced_api
from worker.background import Background
from worker.bootstrap import (
    Stores,
    broker,
    calendars,
    check_broker,
    check_providers,
    eraser,
    held_messages,
    intake,
    open_stores,
    prepare,
    provider_context,
    rate_limit,
    unacked_messages,
    webhook_sender,
)
from worker.celery_app.config import create_app
from worker.intake.requests import receive
from worker.lifecycle.retention import Retention
from worker.outbox.relay import OutboxRelay
from worker.outbox.webhooks import WebhookDispatcher
from worker.plugins import CALENDAR
from worker.ports import Lease
from worker.reconcile.interviews import Reconciler
from worker.reconcile.requests import RequestReconciler
from worker.security.api_keys import KeyRing
from worker.settings import Settings
from worker.telemetry.logs import change_level, configured_logging
from worker.telemetry.metrics import recording_metrics
from worker.telemetry.sidecar import SidecarMonitoring, open_monitoring
from worker.telemetry.tracing import check_tracing, configured_tracing
from worker.urls import is_loopback

log = logging.getLogger(__name__)

_STOP_TIMEOUT = 5.0
"""Seconds to wait for the thread of the MongoDB metrics to finish."""

_PREPARE_RETRY_SECONDS = 2.0
"""Seconds between attempts while the database is unavailable."""


def serve(settings: Settings) -> None:
    """Serve until the process receives a signal.

    Raises:
        Permanent: It would be reachable from other hosts and no valid API key exists; or a calendar
            provider cannot be created; or the price list cannot be read; or the broker cannot be
            used.
    """
    _require_a_key(settings)
    check_providers(settings, CALENDAR)
    check_tracing(settings)
    with (
        recording_metrics(settings.metrics_directory, "sidecar") as recorder,
        configured_logging(settings, "sidecar", recorder),
        configured_tracing(settings, "sidecar") as provider,
    ):
        check_broker(settings)
        api = create_api(settings, partial(open_context, recorder=recorder), recorder)
        config = server_config(
            traced_api(api, provider),
            host=settings.api_host,
            port=settings.api_port,
            timeout_graceful_shutdown=int(settings.shutdown_grace),
            forwarded_allow_ips=list(settings.forwarded_allow_ips),
        )
        GracefulServer(config, settings.shutdown_delay, api.state.shutting_down).run()


def _require_a_key(settings: Settings) -> None:
    if not settings.keys_required or is_loopback(settings.api_host):
        return
    try:
        with open_stores(settings) as stores:
            found = any(key.is_valid(now()) for key in stores.keys.all())
    except Transient as error:
        # Safe: until the database is available no request succeeds, and then each needs a key.
        log.warning("could not check for API keys: %s", error)
        return
    if not found:
        raise Permanent(
            f"API_HOST is {settings.api_host}, but no valid API key exists: "
            "create one with `interview-worker keys create`",
            code="configuration",
        )


@contextmanager
def open_context(settings: Settings, recorder: Recorder | None = None) -> Iterator[Context]:
    """Open the sidecar's adapters and run its threads while the context is active."""
    app = create_app(settings)
    background = Background()
    with open_stores(settings) as stores, ExitStack() as stack:
        if not _prepare(stores):
            background.add("prepare", partial(_prepare_later, stores))
        stack.enter_context(_kafka(settings, stores, app, background))
        _deliver(settings, stores, background)
        stack.enter_context(_reconciler(settings, stores, app, background))
        context = stack.enter_context(provider_context(settings, stores.ledger))
        bookings = calendars(context)
        erasing = eraser(stores, bookings)
        retention = Retention(erasing, stores.keys, settings.retention_days)
        background.add_duty("retention", _lease(stores, "retention"), retention.run)
        watched = stack.enter_context(
            open_monitoring(settings, stores, bookings, background.leads, recorder or Recorder())
        )
        stack.enter_context(_database_metrics(settings, watched))
        limit = stack.enter_context(_limit(settings))
        stack.enter_context(background.running())
        yield Context(
            settings=settings,
            stores=stores,
            intake=intake(settings, stores, app),
            dispatcher=CeleryDispatcher(app),
            eraser=erasing,
            monitoring=watched,
            keys=KeyRing(stores.keys),
            limit=limit,
            change_level=partial(change_level, app),
        )


def _prepare(stores: Stores) -> bool:
    try:
        prepare(stores)
    except Transient as error:
        log.warning("waiting for the database: %s", error)
        return False
    return True


def _prepare_later(stores: Stores, stop: threading.Event) -> None:
    while not stop.wait(_PREPARE_RETRY_SECONDS) and not _prepare(stores):
        pass


def _lease(stores: Stores, name: str) -> Lease:
    return MongoLease(stores.mongo.database, name)


@contextmanager
def _reconciler(
    settings: Settings, stores: Stores, app: Celery, background: Background
) -> Iterator[None]:
    with closing(broker(settings)) as queues, ExitStack() as stack:
        unacked = unacked_messages(settings)
        if unacked is not None:
            stack.enter_context(closing(unacked))
        held = held_messages(settings, app)
        grace = timedelta(seconds=settings.lease_seconds)
        dispatcher = CeleryDispatcher(app)
        requests = RequestReconciler(stores.requests, queues, dispatcher, grace, held)
        reconciler = Reconciler(
            stores.interviews,
            queues,
            dispatcher,
            unacked=unacked,
            grace=grace,
            held=held,
            also_run=(requests.resume,),
        )
        background.add_duty("reconciler", _lease(stores, "reconciler"), reconciler.run)
        yield


def _deliver(settings: Settings, stores: Stores, background: Background) -> None:
    sender = webhook_sender(settings)
    if sender is None:
        log.info("WEBHOOK_SECRET is not set: callbacks are disabled")
        return
    backoff = [timedelta(seconds=seconds) for seconds in settings.webhook_backoff]
    dispatcher = WebhookDispatcher(stores.callbacks, sender, backoff=backoff)
    background.add_duty("webhooks", _lease(stores, "webhooks"), dispatcher.run)


@contextmanager
def _limit(settings: Settings) -> Iterator[RateLimit | None]:
    limit = rate_limit(settings)
    if limit is None:
        log.info("the rate limit is disabled")
        yield None
        return
    with closing(limit):
        yield limit


@contextmanager
def _database_metrics(settings: Settings, watched: SidecarMonitoring) -> Iterator[None]:
    """Serve the MongoDB metrics on a separate port, like a MongoDB exporter."""
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    try:
        listener = socket.create_server(
            (settings.api_host, settings.mongodb_metrics_port), family=family
        )
    except OSError as error:
        raise Permanent(
            f"MONGODB_METRICS_PORT: cannot listen on port {settings.mongodb_metrics_port}: {error}",
            code="configuration",
        ) from error
    only = [one for one in metrics.ALL if one.name.startswith("mongodb_")]
    figures = metrics_application(Exposition([watched.database], only))
    guarded = TokenGuard(figures, settings.metrics_token)
    application = guarded if settings.keys_required else BrowserGuard(guarded)
    server = uvicorn.Server(server_config(application, lifespan="off"))

    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="mongodb-metrics", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_STOP_TIMEOUT)


@contextmanager
def _kafka(
    settings: Settings, stores: Stores, app: Celery, background: Background
) -> Iterator[None]:
    servers = settings.kafka_bootstrap_servers
    if servers is None:
        log.warning("KAFKA_BOOTSTRAP_SERVERS is not set: events stay in the outbox")
        yield
        return
    events = KafkaEvents(servers, settings.kafka_events_topic)
    requests = KafkaRequests(servers, settings.kafka_requests_topic, settings.kafka_group)
    dispatcher = CeleryDispatcher(app)

    def forward(message: RequestMessage) -> None:
        kept = receive(stores.requests, stores.interviews, message.value, message.id, Source.KAFKA)
        # A worker downloads the recording: a download here would block the partition.
        try:
            dispatcher.fetch(kept)
        except Transient as error:
            log.warning("request %s is left to the reconciler: %s", kept, error.message)

    def consume(stop: threading.Event) -> None:
        requests.run(forward, stop, reject=_reject)

    relays = {"relay": stores.interviews, "request-relay": stores.requests}
    for name, outbox in relays.items():
        background.add_duty(name, _lease(stores, name), OutboxRelay(outbox, events).run)
    # Each process consumes: Kafka shares the partitions among the members of the group.
    background.add("requests", consume)
    with closing(events):
        yield


def _reject(message: RequestMessage, reason: Permanent) -> None:
    log.warning("request %s was rejected: %s", message.id, reason.message)
