import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.errors import Permanent, Transient
from tasks.interviews.events import Event, EventType
from tests.contract_servers.kinds import kind_named
from tests.kafka import consumed, read, write
from tests.processes import frozen
from tests.timing import wait_until, within
from worker.adapters.kafka.connection import ensure_topic
from worker.adapters.kafka.events import KafkaEvents
from worker.adapters.kafka.message import RequestMessage
from worker.local.embedded.kafka import Kafka
from worker.local.embedded.server import EmbeddedServer
from worker.local.processes.child import stop_all

CREATED = Event(
    id="i1:created:0",
    type=EventType.CREATED,
    interview_id="i1",
    at=datetime(2026, 3, 2, tzinfo=UTC),
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A separate broker that tests may disturb."""
    server = EmbeddedServer(kind_named("kafka"), tmp_path)
    server.start()
    server.wait_until_ready()
    yield server
    stop_all([server.child], 5)


@pytest.fixture
def topic(kafka_bootstrap_servers: str, topic_prefix: str) -> str:
    name = f"{topic_prefix}requests"
    ensure_topic(kafka_bootstrap_servers, name)
    return name


def forgets(broker: EmbeddedServer) -> bool:
    """Whether a restart takes all messages: Tansu keeps them in memory."""
    return isinstance(broker.kind, Kafka)


def given_up() -> AbstractContextManager[None]:
    """Publishing gives up after four seconds; kafka-python would after a minute (max.block.ms)."""
    return within(8, before=60)


def kafka_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "kafka" in thread.name]


class Handler:
    """Records messages, and fails as configured."""

    def __init__(self, fail: Callable[[RequestMessage], None] = lambda _: None) -> None:
        self.handled: list[RequestMessage] = []
        self.rejected: list[tuple[RequestMessage, Permanent]] = []
        self._fail = fail

    def handle(self, message: RequestMessage) -> None:
        self.handled.append(message)
        self._fail(message)

    def reject(self, message: RequestMessage, reason: Permanent) -> None:
        self.rejected.append((message, reason))

    @property
    def values(self) -> list[object]:
        return [message.value for message in self.handled]


def consuming(servers: str, topic: str, handler: Handler) -> AbstractContextManager[None]:
    return consumed(servers, topic, f"{topic}.group", handler.handle, handler.reject)


def test_events_are_keyed_cloud_events(kafka_bootstrap_servers: str, topic_prefix: str) -> None:
    with closing(KafkaEvents(kafka_bootstrap_servers, f"{topic_prefix}events")) as events:
        events.publish([CREATED])
    (record,) = read(kafka_bootstrap_servers, f"{topic_prefix}events", 1)
    assert record.key == b"i1"
    assert record.headers == [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def test_events_continue_after_kafka_was_unavailable(broker: EmbeddedServer) -> None:
    with closing(KafkaEvents(broker.url, "events")) as events:
        events.publish([CREATED])
        broker.child.kill()
        for _ in range(3):
            with given_up(), pytest.raises(Transient, match=broker.url):
                events.publish([CREATED])
        broker.start()
        broker.wait_until_ready()
        events.publish([CREATED])
    expected = 1 + (0 if forgets(broker) else 1)
    assert len(read(broker.url, "events", expected)) == expected
    wait_until(lambda: not kafka_threads())


def test_publishing_times_out_if_kafka_hangs(broker: EmbeddedServer) -> None:
    with closing(KafkaEvents(broker.url, "events")) as events:
        events.publish([CREATED])
        with frozen(broker.child.pid):
            for _ in range(2):
                with given_up(), pytest.raises(Transient):
                    events.publish([CREATED])
        events.publish([CREATED])
    wait_until(lambda: not kafka_threads())


def test_requests_are_handled_once_or_rejected(kafka_bootstrap_servers: str, topic: str) -> None:
    def fail(message: RequestMessage) -> None:
        if message.value == "impossible":
            raise Permanent("no such type")

    bodies = (b'"first"', b"not JSON", None, b'"impossible"', b'"last"')
    write(kafka_bootstrap_servers, topic, *bodies, key=b"k")
    handler = Handler(fail)
    with consuming(kafka_bootstrap_servers, topic, handler):
        wait_until(lambda: "last" in handler.values, 20)
    assert handler.values == ["first", "impossible", "last"]
    assert [message.id for message in handler.handled] == [f"{topic}-0-{n}" for n in (0, 3, 4)]
    assert [
        (message.body, reason.message.split(":")[0]) for message, reason in handler.rejected
    ] == [
        (b"not JSON", "the message is not JSON"),
        (b"", "the message is empty"),
        (b'"impossible"', "no such type"),
    ]

    write(kafka_bootstrap_servers, topic, b'"later"')
    later = Handler()
    with consuming(kafka_bootstrap_servers, topic, later):
        wait_until(lambda: later.handled, 20)
    assert later.values == ["later"]
    assert not later.rejected


def test_transient_failure_delays_later_requests(kafka_bootstrap_servers: str, topic: str) -> None:
    def away(_message: RequestMessage) -> None:
        raise Transient("the store is away")

    write(kafka_bootstrap_servers, topic, b"1", b"2")
    failing = Handler(away)
    with consuming(kafka_bootstrap_servers, topic, failing):
        wait_until(lambda: len(failing.handled) >= 3, 20)  # longer than the poll interval
    assert set(failing.values) == {1}
    assert not failing.rejected

    working = Handler()
    with consuming(kafka_bootstrap_servers, topic, working):
        wait_until(lambda: len(working.handled) == 2, 20)
    assert working.values == [1, 2]


def test_failed_rejection_is_retried(kafka_bootstrap_servers: str, topic: str) -> None:
    class Forgetful(Handler):
        def reject(self, message: RequestMessage, reason: Permanent) -> None:
            super().reject(message, reason)
            if len(self.rejected) == 1:
                raise Transient("the store is away")

    write(kafka_bootstrap_servers, topic, b"not JSON", b"1")
    handler = Forgetful()
    with consuming(kafka_bootstrap_servers, topic, handler):
        wait_until(lambda: handler.values == [1], 20)
    assert [message.body for message, _ in handler.rejected] == [b"not JSON"] * 2


def test_requests_continue_after_kafka_was_unavailable(broker: EmbeddedServer) -> None:
    handler = Handler()
    with consuming(broker.url, "requests", handler):
        ensure_topic(broker.url, "requests")
        write(broker.url, "requests", b'"before"')
        wait_until(lambda: handler.values == ["before"], 20)
        broker.child.kill()
        broker.start()
        broker.wait_until_ready()
        ensure_topic(broker.url, "requests")
        # Tansu forgets its messages, the consumer may remember how many it had: fill up to there.
        write(broker.url, "requests", b'"before"', b'"after"')
        wait_until(lambda: "after" in handler.values, 30)
    wait_until(lambda: not kafka_threads())


def test_consumer_waits_until_kafka_is_available(broker: EmbeddedServer) -> None:
    broker.child.kill()
    handler = Handler()
    with consuming(broker.url, "requests", handler):
        broker.start()
        broker.wait_until_ready()
        ensure_topic(broker.url, "requests")
        write(broker.url, "requests", b"1")
        wait_until(lambda: handler.values == [1], 20)
