"""Tests of the reconciler with stalled interviews."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from pymongo.database import Database
from redis import Redis

from monitoring.metrics.recording import Recorder
from monitoring.signals import celery
from tasks.clock import now
from tasks.errors import Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Priority, Stage, Status
from tasks.pipeline.queues import Broker
from tests.samples import an_interview
from tests.timing import patience, wait_until
from worker.adapters.broker import CeleryDispatcher, RedisUnackedMessages
from worker.adapters.mongo import MongoInterviews, MongoLease
from worker.bootstrap import broker, unacked_messages
from worker.celery_app.config import create_app
from worker.leadership import Election
from worker.reconcile.interviews import Reconciler
from worker.settings import Settings

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def app(settings: Settings) -> Iterator[Celery]:
    with celery.connected(Recorder("test@host")):
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
def held(settings: Settings) -> Iterator[RedisUnackedMessages]:
    messages = unacked_messages(settings)
    assert messages is not None
    yield messages
    messages.close()


Reconciling = Callable[[timedelta], Reconciler]


@pytest.fixture
def reconciling(
    store: MongoInterviews,
    queues: Broker,
    app: Celery,
    held: RedisUnackedMessages,
) -> Reconciling:
    return lambda grace: Reconciler(store, queues, CeleryDispatcher(app), unacked=held, grace=grace)


@pytest.fixture
def reconciler(reconciling: Reconciling) -> Reconciler:
    return reconciling(timedelta(seconds=20))


@pytest.fixture
def hasty(reconciling: Reconciling) -> Reconciler:
    """A reconciler without grace period."""
    return reconciling(timedelta(0))


def take(app: Celery, stage: Stage) -> None:
    """Receive a message like a worker that crashes then."""
    with app.connection() as connection:
        channel: Any = connection.channel()
        channel.do_restore = False
        assert channel.basic_get(f"interviews.{stage}") is not None


def queued(store: MongoInterviews, **particulars: Any) -> Interview:
    interview = an_interview(**{"message_at": now() - LONG_AGO, **particulars})
    store.create(interview, transitions.created(interview))
    return store.get(interview.id)


def look_twice(reconciler: Reconciler) -> int:
    """Check twice: a message is lost if it is missing at two checks."""
    assert reconciler.resume_lost() == 0
    return reconciler.resume_lost()


def waiting(queues: Broker, stage: Stage) -> int:
    return queues.backlog().queues[f"interviews.{stage}"].waiting


def test_unpublished_interview_is_dispatched_once(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler
) -> None:
    lost = [queued(store, priority=priority).id for priority in Priority]
    assert look_twice(reconciler) == len(lost)
    assert waiting(queues, Stage.TRANSCRIBE) == len(lost)
    # Their messages are in the queue now.
    assert reconciler.resume_lost() == 0
    assert waiting(queues, Stage.TRANSCRIBE) == len(lost)


def test_queued_message_is_not_duplicated(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler, app: Celery
) -> None:
    old = queued(store)
    CeleryDispatcher(app).dispatch(old.id, Stage.TRANSCRIBE, old.priority)
    newer = queued(store, message_at=now())
    CeleryDispatcher(app).dispatch(newer.id, Stage.TRANSCRIBE, newer.priority)
    store.apply(old.id, transitions.begin(Stage.TRANSCRIBE, "run", now()))
    assert look_twice(reconciler) == 0
    assert waiting(queues, Stage.TRANSCRIBE) == 2


def test_recently_delivered_message_is_not_lost(
    store: MongoInterviews, queues: Broker, hasty: Reconciler, app: Celery
) -> None:
    interview = an_interview()
    CeleryDispatcher(app).dispatch(interview.id, Stage.TRANSCRIBE, interview.priority)
    queued(store, id=interview.id, message_at=now())
    assert look_twice(hasty) == 0
    take(app, Stage.TRANSCRIBE)
    assert hasty.resume_lost() == 0
    # No attempt started before the next check: the worker that received it has crashed.
    assert hasty.resume_lost() == 1
    assert waiting(queues, Stage.TRANSCRIBE) == 1


def test_message_older_than_the_oldest_queued_one_is_lost(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler, app: Celery
) -> None:
    lost = queued(store)
    other = queued(store, message_at=now())
    CeleryDispatcher(app).dispatch(other.id, Stage.TRANSCRIBE, other.priority)
    assert look_twice(reconciler) == 1
    assert waiting(queues, Stage.TRANSCRIBE) == 2
    assert store.get(lost.id).message_at is not None


def test_no_message_is_lost_if_ages_are_unknown(
    store: MongoInterviews,
    reconciler: Reconciler,
    settings: Settings,
) -> None:
    queued(store)
    # Published without a timestamp.
    create_app(settings).send_task(
        "interviews.transcribe", args=["x"], queue="interviews.transcribe", priority=3
    )
    url = settings.redis_url
    assert url is not None
    with Redis.from_url(url.get_secret_value()) as redis:
        key = "interviews.transcribe\x06\x163"
        message: Any = redis.rpop(key)
        redis.rpush(key, message.replace(b"published_at", b"published_by"))
    assert look_twice(reconciler) == 0


def test_expired_lease_resumes_the_stage(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler
) -> None:
    interview = queued(store)
    store.apply(
        interview.id, transitions.begin(Stage.TRANSCRIBE, "lost", now(), lease=timedelta(0))
    )
    assert reconciler.resume_due() == 1
    assert waiting(queues, Stage.TRANSCRIBE) == 1
    assert reconciler.resume_due() == 0
    store.apply(interview.id, transitions.begin(Stage.TRANSCRIBE, "next", now()))
    held = store.get(interview.id)
    assert held.status is Status.TRANSCRIBING
    assert held.stages[Stage.TRANSCRIBE].attempts == 2
    assert reconciler.resume_due() == 0


def test_due_attempts_are_dispatched(
    store: MongoInterviews, queues: Broker, reconciler: Reconciler
) -> None:
    for delay in (timedelta(0), timedelta(hours=1)):
        interview = queued(store)
        store.apply(interview.id, transitions.begin(Stage.TRANSCRIBE, "run", now()))
        error = Transient("away", code="away")
        running = store.get(interview.id)
        store.apply(
            interview.id,
            transitions.schedule_retry(running, Stage.TRANSCRIBE, "run", error, now(), delay),
        )
    assert reconciler.resume_due() == 1
    assert waiting(queues, Stage.TRANSCRIBE) == 1


def test_replaced_message_of_a_dead_worker_is_dropped(
    store: MongoInterviews, queues: Broker, app: Celery, hasty: Reconciler
) -> None:
    interview = queued(store)
    CeleryDispatcher(app).dispatch(interview.id, Stage.TRANSCRIBE, interview.priority)
    take(app, Stage.TRANSCRIBE)
    # It may be running.
    assert hasty.drop_superseded() == 0
    assert look_twice(hasty) == 1
    assert queues.backlog().queues["interviews.transcribe"].total == 2
    # Timestamps of documents have millisecond precision.
    wait_until(lambda: hasty.drop_superseded() == 1)
    assert queues.backlog().queues["interviews.transcribe"].total == 1
    assert waiting(queues, Stage.TRANSCRIBE) == 1


@pytest.mark.parametrize("end", ["cancelled", "erased", "unknown"])
def test_message_of_a_finished_interview_is_dropped(
    store: MongoInterviews, queues: Broker, app: Celery, hasty: Reconciler, end: str
) -> None:
    interview = an_interview(id="never stored") if end == "unknown" else queued(store)
    CeleryDispatcher(app).dispatch(interview.id, Stage.TRANSCRIBE, interview.priority)
    take(app, Stage.TRANSCRIBE)
    if end != "unknown":
        store.apply(interview.id, transitions.cancel(interview, now()))
    if end == "erased":
        store.erase(interview.id, now())
    wait_until(lambda: hasty.drop_superseded() == 1)
    assert queues.backlog().queues["interviews.transcribe"].total == 0


def test_recently_delivered_message_is_not_dropped(
    store: MongoInterviews, app: Celery, reconciler: Reconciler
) -> None:
    interview = queued(store)
    CeleryDispatcher(app).dispatch(interview.id, Stage.TRANSCRIBE, interview.priority)
    take(app, Stage.TRANSCRIBE)
    store.apply(interview.id, transitions.cancel(interview, now()))
    assert reconciler.drop_superseded() == 0


def test_foreign_message_is_not_dropped(settings: Settings, hasty: Reconciler) -> None:
    url = settings.redis_url
    assert url is not None
    with Redis.from_url(url.get_secret_value()) as redis:
        for tag, text in enumerate(("", "no JSON", "[]", '[{}, "", "interviews.analyse"]')):
            redis.hset("unacked", str(tag), text)
            redis.zadd("unacked_index", {str(tag): 1})
        redis.zadd("unacked_index", {"gone": 1})
        assert hasty.drop_superseded() == 0
        assert redis.hlen("unacked") == 4


def test_reconciler_runs_until_stopped(
    store: MongoInterviews,
    queues: Broker,
    reconciler: Reconciler,
    database: Database[dict[str, Any]],
) -> None:
    stop = threading.Event()
    election = Election("reconciler", MongoLease(database, "reconciler"))
    thread = threading.Thread(target=election.run, args=(reconciler.run, stop))
    thread.start()
    try:
        queued(store)
        wait_until(lambda: waiting(queues, Stage.TRANSCRIBE) == 1, 20)
    finally:
        stop.set()
        thread.join(patience(10))
    assert not thread.is_alive()
