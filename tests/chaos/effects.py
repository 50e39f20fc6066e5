"""External effects of the pipeline: published events and calendar entries."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from tasks.interviews.interview import Booking, BookingOutcome, Interview
from tests.stack import RunningStack
from worker.adapters.kafka.connection import connect

_ENDS = ("interview.completed", "interview.failed", "interview.cancelled")


@dataclass(frozen=True)
class EventCheck:
    """The check of the events of finished interviews.

    Attributes:
        missing: The number of missing end events.
        conflicting: The number of duplicated effects: events with one id but different contents.
    """

    missing: int
    conflicting: int


class Listener:
    """Reads the topic of events and stores all of them."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._copies: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def check(self, ended: Iterable[Interview]) -> EventCheck:
        """Check the events so far of finished interviews."""
        self._read()
        ids = {one.id for one in ended}
        ours = [each for each in self._copies.values() if each[0]["subject"] in ids]
        ends = {each[0]["subject"] for each in ours if each[0]["type"] in _ENDS}
        conflicting = sum(any(event != each[0] for event in each) for each in ours)
        return EventCheck(len(ids - ends), conflicting)

    def _read(self) -> None:
        numbers = self._consumer.partitions_for_topic(self._topic) or ()
        partitions = [TopicPartition(self._topic, number) for number in numbers]
        if set(partitions) != self._consumer.assignment():
            self._consumer.assign(partitions)
        ends = self._consumer.end_offsets(partitions)
        while any(self._consumer.position(each) < ends[each] for each in partitions):
            for batch in self._consumer.poll(timeout_ms=500).values():
                for record in batch:
                    event = json.loads(record.value)
                    self._copies[event["id"]].append(event)


@contextmanager
def listening(running: RunningStack) -> Iterator[Listener]:
    """Consume all events of a stack, from the first one on."""
    servers = running.settings.kafka_bootstrap_servers
    assert servers is not None
    with closing(
        connect(KafkaConsumer, servers, auto_offset_reset="earliest", enable_auto_commit=False)
    ) as consumer:
        yield Listener(consumer, running.settings.kafka_events_topic)


def booked_wrongly(running: RunningStack, interviews: Iterable[Interview]) -> int:
    """Meetings that exist only in calendars or only in documents."""
    return sum(abs(_meetings(running, one) - _wanted(one.booking)) for one in interviews)


def _wanted(booking: Booking | None) -> int:
    return int(booking is not None and booking.outcome is BookingOutcome.BOOKED)


def _meetings(running: RunningStack, interview: Interview) -> int:
    """The meetings in the interviewer's calendar."""
    url = running.settings.caldav_url
    assert url is not None
    (person,) = interview.interviewers
    answer = httpx2.get(f"{url.get_secret_value()}{person.email}/calendar/")
    return answer.text.count("BEGIN:VEVENT")
