"""The contract of `EventPublisher`."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.errors import Transient
from tasks.interviews.events import Event, EventType, event_id
from tasks.ports import EventPublisher
from tests.fakes.events import FakeEvents
from tests.kafka import read_json
from worker.adapters.kafka.events import KafkaEvents


def event(interview_id: str, event_type: EventType, rounds: int = 0) -> Event:
    return Event(
        id=event_id(interview_id, event_type, rounds),
        type=event_type,
        interview_id=interview_id,
        at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        facts={"type": "screening"},
    )


@dataclass
class Subject:
    publisher: EventPublisher
    unreachable: EventPublisher
    published: Callable[[int], list[dict[str, Any]]]


@pytest.fixture(params=["fake", "kafka"])
def subject(request: pytest.FixtureRequest, topic_prefix: str) -> Iterator[Subject]:
    if request.param == "fake":
        fake, unreachable = FakeEvents(), FakeEvents()
        unreachable.reachable = False
        yield Subject(fake, unreachable, lambda _count: fake.published)
        return
    servers: str = request.getfixturevalue("kafka_bootstrap_servers")
    topic = f"{topic_prefix}events"
    with (
        socket.socket() as silent,
        closing(KafkaEvents(servers, topic)) as kafka,
    ):
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        yield Subject(
            kafka,
            KafkaEvents(f"127.0.0.1:{port}", topic),
            lambda count: read_json(servers, topic, count),
        )


def test_events_go_out_as_cloud_events(subject: Subject) -> None:
    subject.publisher.publish([event("i1", EventType.CREATED)])
    assert subject.published(1) == [
        {
            "specversion": "1.0",
            "id": "i1:created:0",
            "source": "/interview-worker",
            "type": "interview.created",
            "subject": "i1",
            "time": "2026-03-02T09:30:00Z",
            "datacontenttype": "application/json",
            "data": {"interview_id": "i1", "type": "screening"},
        }
    ]


def test_events_of_an_interview_keep_their_order(subject: Subject) -> None:
    subject.publisher.publish(
        [event(f"i{n}", kind) for kind in EventType for n in range(7)],
    )
    published = subject.published(len(EventType) * 7)
    for n in range(7):
        of_one = [e["type"] for e in published if e["subject"] == f"i{n}"]
        assert of_one == [f"interview.{kind}" for kind in EventType]


def test_what_is_published_again_has_the_same_id(subject: Subject) -> None:
    for _ in range(2):
        subject.publisher.publish([event("i1", EventType.FAILED, 2)])
    assert [e["id"] for e in subject.published(2)] == ["i1:failed:2"] * 2


def test_nothing_to_publish_needs_nobody(subject: Subject) -> None:
    subject.unreachable.publish([])


def test_nobody_to_take_them_may_pass(subject: Subject) -> None:
    with pytest.raises(Transient):
        subject.unreachable.publish([event("i1", EventType.CREATED)])
