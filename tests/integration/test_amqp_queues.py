"""Tests of messages in a real RabbitMQ: priorities, confirmation, and queues of others."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pydantic import SecretStr

from tasks.errors import Transient
from tasks.interviews.interview import Priority, Stage
from tasks.pipeline.queues import QUEUES, REQUESTS, STAGES, Broker
from tests.monitoring.plain_worker import create, plain_worker
from tests.monitoring.rabbitmq import rabbitmq_server
from tests.processes import frozen
from tests.requirements import needs
from tests.timing import patience, wait_for, wait_until, within
from worker.adapters.broker import CeleryDispatcher, CeleryHeldMessages
from worker.adapters.broker.amqp_transport import Transport
from worker.bootstrap import broker, check_broker
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port
from worker.settings import Settings

pytestmark = needs("rabbitmq-server", "epmd")

TRANSCRIBE, ANALYSE, _ = STAGES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, str]]:
    with rabbitmq_server(tmp_path_factory.mktemp("rabbitmq")) as found:
        yield found


@pytest.fixture
def settings(server: tuple[Child, str]) -> Settings:
    _, url = server
    return Settings(redis_url=SecretStr(url))


@pytest.fixture
def app(server: tuple[Child, str]) -> Iterator[Celery]:
    _, url = server
    app = create(url)
    yield app
    # A new connection: a test may have restarted the broker.
    with app.connection() as connection:
        for name in QUEUES:
            app.amqp.queues[name](connection.default_channel).delete()


@pytest.fixture
def queues(settings: Settings) -> Iterator[Broker]:
    reader = broker(settings)
    yield reader
    reader.close()


def dispatch(app: Celery, *interviews: tuple[str, Priority]) -> None:
    dispatcher = CeleryDispatcher(app)
    for interview, priority in interviews:
        dispatcher.dispatch(interview, Stage.TRANSCRIBE, priority)


def waiting(queues: Broker, name: str = TRANSCRIBE) -> int:
    return queues.backlog().queues[name].waiting


def take(app: Celery, name: str) -> list[Any]:
    """Receive and acknowledge all messages of a queue."""
    found = []
    with app.connection() as connection:
        queue = app.amqp.queues[name](connection.default_channel)
        while (message := queue.get(no_ack=True)) is not None:
            found.append(message)
    return found


def declare(app: Celery, name: str, **arguments: object) -> None:
    """Declare a queue as an older version or an operator would."""
    with app.connection() as connection:
        channel: Any = connection.default_channel
        channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)


MIXED = (
    ("low", Priority.LOW),
    ("first", Priority.NORMAL),
    ("urgent", Priority.HIGH),
    ("second", Priority.NORMAL),
)


def test_urgent_interviews_overtake_waiting_ones(app: Celery, queues: Broker) -> None:
    dispatch(app, *MIXED)
    wait_for(lambda: waiting(queues), len(MIXED))
    messages = take(app, TRANSCRIBE)
    assert [message.payload[0][0] for message in messages] == ["urgent", "first", "second", "low"]
    chain = messages[0].payload[2]["chain"]
    # The next stages are as urgent as the first.
    assert {link["options"]["priority"] for link in chain} == {messages[0].properties["priority"]}


def test_a_worker_starts_an_urgent_interview_next(
    app: Celery, queues: Broker, tmp_path: Path
) -> None:
    running, low, urgent = (str(tmp_path / name) for name in ("running", "low", "urgent"))
    worker = plain_worker(app, tmp_path / "metrics", "busy", "--concurrency=1")
    dispatch(app, (running, Priority.LOW))
    worker.start()
    try:
        wait_until(lambda: waiting(queues) == 0, 30)
        dispatch(app, (low, Priority.LOW), (low, Priority.LOW), (urgent, Priority.HIGH))
        wait_for(lambda: waiting(queues), 3)
        Path(running).touch()
        wait_for(lambda: CeleryHeldMessages(app).ask().ids, [(TRANSCRIBE, urgent)], 30)
    finally:
        for path in (running, low, urgent):
            Path(path).touch()
        stop_all([worker], 10)


def test_other_producers_may_declare_the_queue_of_requests(
    app: Celery, queues: Broker, server: tuple[Child, str]
) -> None:
    _, url = server
    other = Celery(broker=url, set_as_current=False)
    other.send_task(REQUESTS, args=[{}], queue=REQUESTS)
    CeleryDispatcher(app).fetch("request")
    other.send_task(REQUESTS, args=[{}], queue=REQUESTS)
    wait_for(lambda: waiting(queues, REQUESTS), 3)
    # By its exchange, only this queue is reached.
    other.send_task(REQUESTS, args=[{}], exchange=REQUESTS, routing_key=REQUESTS)
    wait_for(lambda: [waiting(queues, name) for name in QUEUES], [4, 0, 0, 0])


@pytest.mark.parametrize("arguments", [{}, {"x-max-length": 9}])
def test_an_existing_queue_is_used_as_it_is(
    app: Celery,
    queues: Broker,
    settings: Settings,
    arguments: dict[str, object],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    declare(app, TRANSCRIBE, **arguments)
    with caplog.at_level(logging.INFO):
        check_broker(settings)
    (line,) = [r.getMessage() for r in caplog.records if "x-max-priority" in r.getMessage()]
    assert TRANSCRIBE in line
    assert ANALYSE not in line
    dispatch(app, *MIXED)
    wait_for(lambda: waiting(queues), len(MIXED))
    worker = plain_worker(app, tmp_path / "metrics", "upgraded", "--concurrency=1")
    worker.start()
    try:
        wait_until(lambda: waiting(queues) == len(MIXED) - 1, 30)
        assert CeleryHeldMessages(app).ask().ids == [(TRANSCRIBE, "low")]
    finally:
        stop_all([worker], 0)


def test_tells_at_start_what_the_broker_lacks(
    app: Celery, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        check_broker(settings)
    lines = [record.getMessage() for record in caplog.records]
    assert "the broker is RabbitMQ" in lines[0]
    assert not [line for line in lines if "x-max-priority" in line]
    # Queues that are declared by now have priorities.
    dispatch(app, *MIXED)
    assert take(app, TRANSCRIBE)[0].payload[0][0] == "urgent"


def test_a_rejected_message_is_an_error(app: Celery, queues: Broker) -> None:
    declare(app, TRANSCRIBE, **{"x-max-length": 1, "x-overflow": "reject-publish"})
    dispatch(app, ("first", Priority.NORMAL))
    with pytest.raises(Transient):
        dispatch(app, ("second", Priority.NORMAL))
    assert waiting(queues) == 1


def test_a_queue_that_was_deleted_is_declared_again(app: Celery, queues: Broker) -> None:
    dispatch(app, ("before", Priority.NORMAL))
    with app.connection() as connection:
        app.amqp.queues[TRANSCRIBE](connection.default_channel).delete()
    dispatch(app, ("after", Priority.NORMAL))
    wait_for(lambda: waiting(queues), 1)


def test_what_was_accepted_survives_a_crash_of_the_broker(
    app: Celery, queues: Broker, server: tuple[Child, str]
) -> None:
    process, _ = server
    dispatch(app, *MIXED * 5)
    process.kill()
    process.start()
    process.wait_until(lambda: is_answering(queues), patience(60))
    assert waiting(queues) == 5 * len(MIXED)


def is_answering(queues: Broker) -> bool:
    try:
        queues.backlog()
    except Transient:
        return False
    return True


def test_a_broker_that_hangs_accepts_nothing_and_is_found_again(
    app: Celery, server: tuple[Child, str]
) -> None:
    process, _ = server
    dispatch(app, ("before", Priority.NORMAL))
    with frozen(process.pid), within(30), pytest.raises(Transient):
        dispatch(app, ("meanwhile", Priority.NORMAL))
    dispatch(app, ("after", Priority.NORMAL))
    # The message that was sent meanwhile may have arrived.
    found = [message.payload[0][0] for message in take(app, TRANSCRIBE)]
    assert [name for name in found if name != "meanwhile"] == ["before", "after"]


def test_another_server_is_used_while_the_first_is_away(server: tuple[Child, str]) -> None:
    _, url = server
    app = create(f"amqp://127.0.0.1:{free_port()}//;{url}")
    dispatch(app, ("interview", Priority.NORMAL))
    pool: Any = app.pool
    with pool.acquire() as connection:
        assert isinstance(connection.transport, Transport)
    settings = Settings(redis_url=SecretStr(app.conf.broker_url))
    assert waiting(broker(settings)) == 1
    assert len(take(app, TRANSCRIBE)) == 1


def test_a_worker_outlives_a_stage_that_takes_too_long_for_the_broker(tmp_path: Path) -> None:
    (tmp_path / "rabbitmq").mkdir()
    limit = "-rabbit consumer_timeout 2000 -rabbit channel_tick_interval 500"
    with rabbitmq_server(tmp_path / "rabbitmq", limit) as (_, url):
        app = create(url)
        if version_of(app) >= (3, 12):
            pytest.skip("this broker observes the limit that the worker states")
        path = str(tmp_path / "long")
        worker = plain_worker(app, tmp_path / "metrics", "slow", "--concurrency=1")
        dispatch(app, (path, Priority.NORMAL))
        worker.start()
        log = tmp_path / "slow.log"
        try:
            wait_until(lambda: log.read_text().count("acknowledgement on channel 1 timed out") > 1)
            worker.check()
        finally:
            Path(path).touch()
            stop_all([worker], 10)


def version_of(app: Celery) -> tuple[int, ...]:
    with app.connection() as connection:
        connection.ensure_connection(max_retries=0)
        version: str = connection.connection.server_properties["version"]
    return tuple(map(int, version.split(".")[:2]))
