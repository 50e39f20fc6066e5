"""Tests of the reconciler on a real RabbitMQ: what waits or is held is never resumed."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pydantic import SecretStr
from pymongo.database import Database

from tasks.clock import now
from tasks.errors import Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Priority, Stage
from tasks.pipeline.queues import QUEUES, REQUESTS, STAGES, Broker
from tests.integration.test_requests import pending
from tests.monitoring.plain_worker import create, plain_worker
from tests.monitoring.rabbitmq import rabbitmq_server
from tests.requirements import needs
from tests.samples import an_interview
from tests.timing import patience, wait_until
from worker.adapters.broker import CeleryDispatcher
from worker.adapters.mongo import MongoInterviews, MongoRequests
from worker.bootstrap import broker, held_messages, unacked_messages
from worker.local.processes.child import Child, stop_all
from worker.reconcile.interviews import Reconciler
from worker.reconcile.requests import RequestReconciler
from worker.settings import Settings

pytestmark = needs("rabbitmq-server", "epmd")

TRANSCRIBE, *_ = STAGES
LONG_AGO = timedelta(hours=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, str]]:
    with rabbitmq_server(tmp_path_factory.mktemp("rabbitmq")) as found:
        yield found


@pytest.fixture
def settings(server: tuple[Child, str]) -> Settings:
    _, url = server
    return Settings(redis_url=SecretStr(url))


@pytest.fixture
def app(settings: Settings) -> Iterator[Celery]:
    assert settings.redis_url is not None
    app = create(settings.redis_url.get_secret_value())
    yield app
    # A new connection: a test may have restarted the broker.
    with app.connection() as connection:
        for name in QUEUES:
            app.amqp.queues[name](connection.default_channel).declare()
            app.amqp.queues[name](connection.default_channel).purge()


@pytest.fixture
def queues(settings: Settings) -> Iterator[Broker]:
    reader = broker(settings)
    yield reader
    reader.close()


@pytest.fixture
def store(database: Database[dict[str, Any]]) -> MongoInterviews:
    store = MongoInterviews(database)
    store.prepare()
    return store


@pytest.fixture
def reconcilers(
    store: MongoInterviews,
    queues: Broker,
    app: Celery,
    settings: Settings,
) -> list[Reconciler]:
    """Those of two sidecars, without a grace period."""
    return [
        Reconciler(
            store,
            queues,
            CeleryDispatcher(app),
            unacked=unacked_messages(settings),
            grace=timedelta(0),
            held=held_messages(settings, app),
        )
        for _ in range(2)
    ]


def queued(store: MongoInterviews, **particulars: Any) -> Interview:
    interview = an_interview(**{"message_at": now() - LONG_AGO, **particulars})
    store.create(interview, transitions.created(interview))
    return interview


def dispatched(store: MongoInterviews, app: Celery, priority: Priority) -> Interview:
    interview = queued(store, priority=priority)
    CeleryDispatcher(app).dispatch(interview.id, Stage.TRANSCRIBE, priority)
    return interview


def waiting(queues: Broker) -> int:
    return queues.backlog().queues[TRANSCRIBE].waiting


def resumed(reconcilers: list[Reconciler], rounds: int = 2) -> int:
    return sum(one.resume_lost() for _ in range(rounds) for one in reconcilers)


def test_what_waits_is_never_resumed(
    store: MongoInterviews, queues: Broker, app: Celery, reconcilers: list[Reconciler]
) -> None:
    for number in range(10):
        dispatched(store, app, list(Priority)[number % 3])
    assert resumed(reconcilers, rounds=10) == 0
    assert waiting(queues) == 10


def test_what_was_purged_or_never_published_is_resumed_once(
    store: MongoInterviews, queues: Broker, app: Celery, reconcilers: list[Reconciler]
) -> None:
    for priority in Priority:
        dispatched(store, app, priority)
    queued(store)
    assert resumed(reconcilers) == 0
    app.control.purge()
    wait_until(lambda: waiting(queues) == 0)
    assert resumed(reconcilers) == 4
    assert waiting(queues) == 4
    assert resumed(reconcilers) == 0


def test_what_somebody_holds_that_does_not_answer_is_left_alone(
    store: MongoInterviews, app: Celery, queues: Broker, reconcilers: list[Reconciler]
) -> None:
    dispatched(store, app, Priority.NORMAL)
    received: list[object] = []
    with (
        app.connection() as connection,
        connection.Consumer(
            app.amqp.queues[TRANSCRIBE], callbacks=[lambda _, message: received.append(message)]
        ),
    ):
        connection.drain_events(timeout=patience(5))
        assert received
        assert waiting(queues) == 0
        assert resumed(reconcilers) == 0
    # The broker has it again.
    wait_until(lambda: waiting(queues) == 1)
    assert resumed(reconcilers) == 0


def test_what_workers_hold_is_left_alone_while_others_are_found(
    store: MongoInterviews,
    app: Celery,
    queues: Broker,
    reconcilers: list[Reconciler],
    tmp_path: Path,
) -> None:
    held = [str(tmp_path / str(number)) for number in range(3)]
    for path in held:
        # The task waits for a file of this name; it has no lease, as if it had not begun.
        queued(store, id=path)
        CeleryDispatcher(app).dispatch(path, Stage.TRANSCRIBE, Priority.NORMAL)
    worker = plain_worker(app, tmp_path / "metrics", "holds", "--concurrency=4")
    worker.start()
    try:
        wait_until(lambda: waiting(queues) == 0, 30)
        lost = queued(store)
        # As soon as the worker answers.
        found = 0
        while not found:
            found = resumed(reconcilers, rounds=1)
        assert found == 1
        assert store.get(lost.id).message_at != lost.message_at
        assert resumed(reconcilers, rounds=2) == 0
    finally:
        for path in held:
            os.close(os.open(path, os.O_CREAT))
        stop_all([worker], 10)


def test_a_restart_loses_nothing_and_repeats_nothing(
    store: MongoInterviews,
    app: Celery,
    queues: Broker,
    reconcilers: list[Reconciler],
    server: tuple[Child, str],
) -> None:
    process, _ = server
    for priority in Priority:
        dispatched(store, app, priority)
    assert resumed(reconcilers) == 0
    stop_all([process], 30)
    with pytest.raises(Transient):
        resumed(reconcilers)
    process.start()
    process.wait_until(lambda: _answers(queues), patience(60))
    assert waiting(queues) == 3
    assert resumed(reconcilers, rounds=5) == 0
    assert waiting(queues) == 3


def _answers(queues: Broker) -> bool:
    try:
        queues.backlog()
    except Transient:
        return False
    return True


def test_requests_are_resumed_by_the_same_rules(
    database: Database[dict[str, Any]], app: Celery, queues: Broker, settings: Settings
) -> None:
    requests = MongoRequests(database)
    requests.prepare()
    requests.add(pending("one", "https://files.example/one.wav"))
    dispatcher = CeleryDispatcher(app)
    held = held_messages(settings, app)
    reconciler = RequestReconciler(requests, queues, dispatcher, timedelta(0), held)
    assert [reconciler.resume() for _ in range(3)] == [0, 1, 0]
    assert queues.backlog().queues[REQUESTS].waiting == 1
