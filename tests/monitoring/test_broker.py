"""Queue metrics of the broker, with messages as Celery writes them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from pydantic import SecretStr
from redis import Redis

from monitoring import metrics
from monitoring.collectors.broker import BrokerCollector
from monitoring.collectors.guarded import GuardedCollectors, Source
from monitoring.metrics.recording import Recorder
from monitoring.signals import celery
from tasks.interviews.interview import Priority, Stage
from tasks.pipeline.queues import QUEUES, REQUESTS, STAGES, Backlog, Broker
from tests.monitoring.figures import Figures, figures_of
from tests.timing import allowed, wait_until
from worker.adapters.broker import CeleryDispatcher
from worker.bootstrap import broker
from worker.celery_app.config import create_app
from worker.settings import Settings

TRANSCRIBE, ANALYSE, SCHEDULE = STAGES


@pytest.fixture
def redis(redis_url: str) -> Iterator["Redis"]:
    with Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def settings(redis: Redis, redis_url: str) -> Settings:
    del redis
    return Settings(redis_url=SecretStr(redis_url))


@pytest.fixture
def app(settings: Settings) -> Iterator[Celery]:
    with celery.connected(Recorder("test@host")):
        yield create_app(settings)


def read(settings: Settings) -> Backlog:
    reader = broker(settings)
    try:
        return reader.backlog()
    finally:
        reader.close()


def guarded(reader: Broker) -> GuardedCollectors:
    return GuardedCollectors(
        [Source("redis", BrokerCollector(reader, STAGES), metrics.REDIS_UP)], timeout=allowed(3)
    )


def scraped(settings: Settings) -> Figures:
    reader = broker(settings)
    try:
        return figures_of(guarded(reader))
    finally:
        reader.close()


def dispatch(app: Celery, stage: Stage, priority: Priority, times: int) -> None:
    dispatcher = CeleryDispatcher(app)
    for _ in range(times):
        dispatcher.dispatch(uuid4().hex, stage, priority)


@contextmanager
def taken(app: Celery, queue: str, count: int) -> Iterator[None]:
    """A consumer that receives messages without acknowledging them."""
    held: list[Any] = []
    with (
        app.connection() as connection,
        connection.Consumer(
            app.amqp.queues[queue], callbacks=[lambda _, message: held.append(message)]
        ) as consumer,
    ):
        consumer.qos(prefetch_count=count)
        while len(held) < count:
            connection.drain_events(timeout=allowed(5))
        yield
        for message in held:
            message.ack()


def test_tells_what_waits_by_queue_and_priority(app: Celery, settings: Settings) -> None:
    dispatch(app, Stage.TRANSCRIBE, Priority.HIGH, 1)
    dispatch(app, Stage.TRANSCRIBE, Priority.NORMAL, 2)
    dispatch(app, Stage.ANALYSE, Priority.LOW, 3)
    found = scraped(settings)
    depth = {labels: n for labels, n in found.by_labels(metrics.QUEUE_DEPTH).items() if n}
    assert depth == {
        (TRANSCRIBE, "high"): 1,
        (TRANSCRIBE, "normal"): 2,
        (ANALYSE, "low"): 3,
    }
    assert len(found.by_labels(metrics.QUEUE_DEPTH)) == len(QUEUES) * len(Priority)
    assert found.by_labels(metrics.INTERVIEWS_IN_STAGE) == {
        ("transcribe",): 3,
        ("analyse",): 3,
        ("schedule",): 0,
    }
    assert found.value(metrics.INTERVIEWS_ACTIVE) == 6


def test_counts_every_priority_that_others_may_send(app: Celery, settings: Settings) -> None:
    for priority in range(10):
        for _ in range(10):
            app.send_task(TRANSCRIBE, args=["x"], queue=TRANSCRIBE, priority=priority)
    found = scraped(settings)
    assert found.value(metrics.CELERY_QUEUE_LENGTH, TRANSCRIBE) == 100
    depth = found.by_labels(metrics.QUEUE_DEPTH)
    # kombu's steps are 0, 3, 6 and 9; priorities in between count as the step below.
    assert {name: depth[TRANSCRIBE, name] for name in Priority} == {
        "high": 30,
        "normal": 30,
        "low": 40,
    }


def test_counts_what_workers_hold(app: Celery, settings: Settings) -> None:
    dispatch(app, Stage.TRANSCRIBE, Priority.NORMAL, 10)
    dispatch(app, Stage.ANALYSE, Priority.NORMAL, 1)
    app.send_task(REQUESTS, queue=REQUESTS)
    with taken(app, TRANSCRIBE, 8), taken(app, REQUESTS, 1):
        found = scraped(settings)
        state = read(settings).queues[TRANSCRIBE]
    assert found.value(metrics.CELERY_QUEUE_LENGTH, TRANSCRIBE) == 10
    assert found.value(metrics.QUEUE_RESERVED, TRANSCRIBE) == 8
    assert found.value(metrics.QUEUE_RESERVED, REQUESTS) == 1
    # A submission is not an interview yet.
    assert found.value(metrics.INTERVIEWS_ACTIVE) == 11
    assert state.reserved_age is not None
    assert 0 <= state.reserved_age < allowed(60)
    found = scraped(settings)
    assert found.value(metrics.QUEUE_RESERVED, TRANSCRIBE) == 0
    assert found.value(metrics.QUEUE_RESERVED_AGE, TRANSCRIBE) == 0


def test_a_delayed_message_is_held(app: Celery, settings: Settings) -> None:
    app.send_task(TRANSCRIBE, args=["x"], queue=TRANSCRIBE, countdown=3600)
    with taken(app, TRANSCRIBE, 1):
        found = scraped(settings)
    assert found.value(metrics.QUEUE_RESERVED, TRANSCRIBE) == 1
    assert found.value(metrics.INTERVIEWS_IN_STAGE, "transcribe") == 1


def test_what_others_keep_in_the_same_database_is_not_ours(app: Celery, settings: Settings) -> None:
    assert settings.redis_url is not None
    other = Celery(broker=settings.redis_url.get_secret_value(), set_as_current=False)
    for _ in range(3):
        other.send_task("other.task", queue="other")
    dispatch(app, Stage.ANALYSE, Priority.NORMAL, 1)
    with taken(other, "other", 2):
        found = scraped(settings)
    assert found.value(metrics.INTERVIEWS_ACTIVE) == 1
    assert sum(found.by_labels(metrics.QUEUE_RESERVED).values()) == 0
    assert {queue for (queue,) in found.by_labels(metrics.CELERY_QUEUE_LENGTH)} == set(QUEUES)


def test_tells_the_age_of_the_oldest(app: Celery, settings: Settings) -> None:
    began = time.time()
    dispatch(app, Stage.TRANSCRIBE, Priority.LOW, 1)
    sent = time.time()
    wait_until(lambda: time.time() - sent > 0.2)
    dispatch(app, Stage.TRANSCRIBE, Priority.HIGH, 5)
    backlog = read(settings)
    age = backlog.queues[TRANSCRIBE].oldest_age
    assert age is not None
    # With a tolerance: the broker computes the age from a formatted timestamp.
    assert 0.19 <= age <= time.time() - began + 0.01
    assert backlog.oldest_chain_age == age
    assert backlog.queues[ANALYSE].oldest_age == 0


def test_a_chain_is_as_old_as_its_first_message(app: Celery, settings: Settings) -> None:
    headers = {"chain_published_at": time.time() - 500}
    app.send_task(SCHEDULE, args=["x"], queue=SCHEDULE, headers=headers)
    backlog = read(settings)
    age = backlog.queues[SCHEDULE].oldest_age
    assert age is not None
    assert age < allowed(60)
    assert backlog.oldest_chain_age is not None
    assert 500 <= backlog.oldest_chain_age < 500 + allowed(60)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"5",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"headers": 5}',
        b'{"headers": {"published_at": "soon"}}',
        b'{"headers": {"published_at": true}}',
        b'{"headers": {"published_at": NaN, "chain_published_at": Infinity}}',
        b'{"headers": {"published_at": 1%s}}' % (b"0" * 400),
    ],
    ids=range(13),
)
def test_messages_that_make_no_sense_count_and_have_no_age(
    redis: Redis, settings: Settings, message: bytes
) -> None:
    redis.lpush(TRANSCRIBE, message)
    redis.hset("unacked", "tag", message)
    redis.hset("unacked", "ours", b'[%s, "", "%s"]' % (message, TRANSCRIBE.encode()))
    found = scraped(settings)
    assert found.value(metrics.QUEUE_DEPTH, TRANSCRIBE, "high") == 1
    assert found.value(metrics.QUEUE_OLDEST_AGE, TRANSCRIBE) is None
    assert found.value(metrics.CHAIN_OLDEST_AGE) is None


def test_keys_may_have_a_prefix(redis: Redis, settings: Settings) -> None:
    prefixed = settings.with_environment({"REDIS_KEY_PREFIX": "ours:"})
    app = create_app(prefixed)
    dispatch(app, Stage.TRANSCRIBE, Priority.NORMAL, 3)
    assert read(settings).queues[TRANSCRIBE].total == 0
    with taken(app, TRANSCRIBE, 2):
        state = read(prefixed).queues[TRANSCRIBE]
    assert (state.waiting, state.reserved) == (1, 2)
    names: Any = redis.keys("*")
    assert all(name.startswith(b"ours:") for name in names)


def test_tells_redis_own_figures(redis: Redis, settings: Settings) -> None:
    redis.config_resetstat()
    redis.set("key", "value")
    redis.get("key")
    redis.get("none")
    redis.get("neither")
    found = scraped(settings)
    assert found.value(metrics.REDIS_UP) == 1
    assert found.value(metrics.REDIS_HITS) == 1
    misses = found.value(metrics.REDIS_MISSES)
    assert misses is not None
    # Looking up a list that does not exist counts as a miss too.
    assert misses >= 2
    assert (found.value(metrics.REDIS_MEMORY) or 0) > 100_000
    assert (found.value(metrics.REDIS_CLIENTS) or 0) >= 2
    assert found.value(metrics.REDIS_EVICTED) == 0
