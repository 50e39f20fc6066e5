"""Interviews that stand still, and are sent on their way again."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from pymongo.database import Database
from redis import Redis

from monitoring.broker import Broker
from monitoring.recording import Recorder
from monitoring.signals import celery
from tasks import changes
from tasks.clock import now
from tasks.errors import Transient
from tasks.interview import Interview, Priority, Stage, Status
from tests.processes import wait_until
from tests.samples import an_interview
from worker.adapters.broker import CeleryDispatcher
from worker.adapters.mongo import MongoInterviews, MongoLeadership
from worker.app import create_app
from worker.reconciler import Reconciler
from worker.settings import Settings
from worker.wiring import broker

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def app(settings: Settings) -> Iterator[Celery]:
    with celery.listening(Recorder(), "test@host"):
        yield create_app(settings)


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
def reconciler(
    store: MongoInterviews, queues: Broker, app: Celery, database: Database[dict[str, Any]]
) -> Reconciler:
    leadership = MongoLeadership(database, "reconciler")
    return Reconciler(store, queues, CeleryDispatcher(app), leadership)


def queued(store: MongoInterviews, **particulars: Any) -> Interview:
    interview = an_interview(**{"message_at": now() - LONG_AGO, **particulars})
    store.create(interview, changes.created(interview))
    return store.get(interview.id)


def waiting(queues: Broker, stage: Stage) -> int:
    return sum(queues.backlog().queues[f"interviews.{stage}"].depth.values())


def test_what_nobody_heard_of_is_sent_once(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler
) -> None:
    lost = [queued(store, priority=priority).id for priority in Priority]
    assert reconciler.resume_unheard() == len(lost)
    assert waiting(queues, Stage.TRANSCRIBE) == len(lost)
    # They are in the queue now.
    assert reconciler.resume_unheard() == 0
    assert waiting(queues, Stage.TRANSCRIBE) == len(lost)


def test_what_waits_in_its_queue_is_left_there(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler, app: Celery
) -> None:
    old = queued(store)
    CeleryDispatcher(app).dispatch(old.id, Stage.TRANSCRIBE, old.priority)
    newer = queued(store, message_at=now())
    CeleryDispatcher(app).dispatch(newer.id, Stage.TRANSCRIBE, newer.priority)
    store.apply(old.id, changes.begin(Stage.TRANSCRIBE, "run", now()))
    assert reconciler.resume_unheard() == 0
    assert waiting(queues, Stage.TRANSCRIBE) == 2


def test_what_should_have_come_before_the_oldest_is_lost(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler, app: Celery
) -> None:
    lost = queued(store)
    other = queued(store, message_at=now())
    CeleryDispatcher(app).dispatch(other.id, Stage.TRANSCRIBE, other.priority)
    assert reconciler.resume_unheard() == 1
    assert waiting(queues, Stage.TRANSCRIBE) == 2
    assert store.get(lost.id).message_at is not None


def test_nothing_is_done_where_the_age_of_messages_is_not_known(
    store: MongoInterviews,
    reconciler: Reconciler,
    settings: Settings,
) -> None:
    queued(store)
    # Published by somebody who does not say when.
    create_app(settings).send_task(
        "interviews.transcribe", args=["x"], queue="interviews.transcribe", priority=3
    )
    url = settings.redis_url
    assert url is not None
    with Redis.from_url(url.get_secret_value()) as redis:
        key = "interviews.transcribe\x06\x163"
        message: Any = redis.rpop(key)
        redis.rpush(key, message.replace(b"published_at", b"published_by"))
    assert reconciler.resume_unheard() == 0


def test_what_a_lost_run_held_goes_on_from_its_stage(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler
) -> None:
    interview = queued(store)
    store.apply(interview.id, changes.begin(Stage.TRANSCRIBE, "lost", now(), lease=timedelta(0)))
    assert reconciler.resume_stuck() == 1
    assert waiting(queues, Stage.TRANSCRIBE) == 1
    assert reconciler.resume_stuck() == 0
    store.apply(interview.id, changes.begin(Stage.TRANSCRIBE, "next", now()))
    held = store.get(interview.id)
    assert held.status is Status.TRANSCRIBING
    assert held.stages[Stage.TRANSCRIBE].attempts == 2
    assert reconciler.resume_stuck() == 0


def test_attempts_are_made_when_they_are_due(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler
) -> None:
    for delay in (timedelta(0), timedelta(hours=1)):
        interview = queued(store)
        store.apply(interview.id, changes.begin(Stage.TRANSCRIBE, "run", now()))
        error = Transient("away", code="away")
        running = store.get(interview.id)
        store.apply(
            interview.id,
            changes.stumble(running, Stage.TRANSCRIBE, "run", error, now(), delay),
        )
    assert reconciler.resume_stuck() == 1
    assert waiting(queues, Stage.TRANSCRIBE) == 1


def test_one_of_several_leads(database: Database[dict[str, Any]]) -> None:
    first, second = (MongoLeadership(database, "reconciler") for _ in range(2))
    assert first.hold(60)
    assert not second.hold(60)
    assert first.hold(0)
    assert second.hold(60)
    assert not first.hold(60)
    assert MongoLeadership(database, "something else").hold(60)


def test_it_runs_until_it_is_stopped(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler
) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=reconciler.run, args=(stop,))
    thread.start()
    try:
        queued(store)
        wait_until(lambda: waiting(queues, Stage.TRANSCRIBE) == 1, 20)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
