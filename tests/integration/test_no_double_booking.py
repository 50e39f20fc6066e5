"""Tests of concurrent bookings for the same people from several processes."""

import multiprocessing
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx2
import icalendar
import pymongo
import pytest
from pymongo.database import Database

from tasks.errors import Transient
from tasks.interviews.interview import Booking, BookingOutcome
from tasks.interviews.people import Person
from tasks.scheduling.booking import schedule, unschedule
from tasks.scheduling.calendars import Calendars
from tests.meetings import NOW, at, interview
from worker.adapters.calendars.caldav import CalDavProvider
from worker.adapters.mongo.reservations import MongoReservations


@dataclass(frozen=True)
class Site:
    """The addresses of the servers, for other processes."""

    caldav_url: str
    mongodb_url: str
    database: str
    interviewer: str

    def open(self) -> tuple[CalDavProvider, MongoReservations, pymongo.MongoClient[Any]]:
        client: pymongo.MongoClient[Any] = pymongo.MongoClient(self.mongodb_url, tz_aware=True)
        calendar = CalDavProvider(self.caldav_url, create_missing=True)
        return calendar, MongoReservations(client[self.database]), client

    def events(self) -> list[tuple[str, datetime, datetime]]:
        """The events in the interviewer's calendar, in order."""
        text = httpx2.get(f"{self.caldav_url}{self.interviewer}/calendar/").raise_for_status().text
        calendar: Any = icalendar.Calendar.from_ical(text)
        found = [(str(event["UID"]), event.start, event.end) for event in calendar.events]
        return sorted(found, key=lambda event: event[1])


@pytest.fixture
def site(caldav_url: str, mongodb_url: str, database: Database[Any]) -> Site:
    MongoReservations(database).prepare()
    interviewer = f"{uuid.uuid4().hex[:8]}@example.com"
    return Site(caldav_url, mongodb_url, database.name, interviewer)


@pytest.fixture
def calendar(site: Site) -> Iterator[CalDavProvider]:
    provider = CalDavProvider(site.caldav_url, create_missing=True)
    yield provider
    provider.close()


@pytest.fixture
def reservations(database: Database[Any]) -> MongoReservations:
    return MongoReservations(database)


def wanted(site: Site, number: int, **follow_up: Any) -> Any:
    return interview(
        f"{number}",
        candidate=Person(name="C", email=f"candidate-{number}@example.org"),
        interviewers=[Person(name="Anna", email=site.interviewer)],
        follow_up={"window_days": 60, **follow_up},
    )


def book_some(site: Site, numbers: range) -> list[Booking]:
    """Book several interviews from six threads; runs in a process of its own."""
    calendar, reservations, client = site.open()

    def book(number: int) -> Booking:
        buffer = {"buffer_minutes": 5 * (number % 4)}
        return schedule(wanted(site, number, **buffer), Calendars(calendar), reservations, NOW)

    with client, ThreadPoolExecutor(6) as threads:
        bookings = list(threads.map(book, numbers))
    calendar.close()
    return bookings


def test_fifty_concurrent_bookings_do_not_overlap(site: Site) -> None:
    shares = [range(start, 50, 2) for start in range(2)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as processes:
        bookings = [b for share in processes.map(book_some, [site] * 2, shares) for b in share]
    assert {booking.outcome for booking in bookings} == {BookingOutcome.BOOKED}

    events = site.events()
    assert [event[1:] for event in events] == sorted((b.start, b.end) for b in bookings)
    buffers = [timedelta(minutes=5 * (int(uid.split("@")[0]) % 4)) for uid, _, _ in events]
    gaps = [later[1] - earlier[2] for earlier, later in pairwise(events)]
    assert all(
        gap >= max(before, after)
        for gap, (before, after) in zip(gaps, pairwise(buffers), strict=True)
    )


def test_concurrent_attempts_book_one_meeting(
    site: Site, calendar: CalDavProvider, reservations: MongoReservations
) -> None:
    with ThreadPoolExecutor(6) as threads:
        bookings = list(
            threads.map(
                lambda _: schedule(wanted(site, 1), Calendars(calendar), reservations, NOW),
                range(12),
            )
        )
    assert {(booking.start, booking.end) for booking in bookings} == {(at(9).start, at(9).end)}
    assert site.events() == [("1@interview-worker", at(9).start, at(9).end)]


def test_existing_event_is_not_double_booked(
    site: Site, calendar: CalDavProvider, reservations: MongoReservations
) -> None:
    assert schedule(wanted(site, 1), Calendars(calendar), reservations, NOW).start == at(9).start
    foreign = httpx2.get(
        f"{site.caldav_url}{site.interviewer}/calendar/1@interview-worker.ics"
    ).text
    path = f"{site.caldav_url}{site.interviewer}/calendar/foreign.ics"
    foreign = foreign.replace("1@interview-worker", "foreign").replace("T09", "T10")
    httpx2.put(path, content=foreign).raise_for_status()
    booking = schedule(wanted(site, 2), Calendars(calendar), reservations, NOW)
    assert booking.start == at(11).start


def test_server_failure_leaves_no_duplicates(
    site: Site, calendar: CalDavProvider, reservations: MongoReservations
) -> None:
    class Away(CalDavProvider):
        """Book, then lose the connection to the server."""

        def book(self, *args: Any) -> int:
            super().book(*args)
            raise Transient("away")

    lost = Away(site.caldav_url, create_missing=True)
    with pytest.raises(Transient):
        schedule(wanted(site, 1), Calendars(lost), reservations, NOW)
    lost.close()
    assert schedule(wanted(site, 2), Calendars(calendar), reservations, NOW).start == at(10).start
    assert schedule(wanted(site, 1), Calendars(calendar), reservations, NOW).start == at(9).start
    assert [start for _, start, _ in site.events()] == [at(9).start, at(10).start]


def test_unscheduled_time_can_be_booked_again(
    site: Site, calendar: CalDavProvider, reservations: MongoReservations
) -> None:
    schedule(wanted(site, 1), Calendars(calendar), reservations, NOW)
    unschedule(wanted(site, 1), Calendars(calendar), reservations)
    assert site.events() == []
    assert schedule(wanted(site, 2), Calendars(calendar), reservations, NOW).start == at(9).start


def test_reservations_are_anonymous_and_expire(
    site: Site, calendar: CalDavProvider, database: Database[Any]
) -> None:
    reservations = MongoReservations(database)
    schedule(wanted(site, 1), Calendars(calendar), reservations, NOW)
    (document,) = database["reservations"].find()
    assert "example" not in str(document)
    assert document["until"] == at(9, 55).start
    indexes = database["reservations"].index_information().values()
    assert [index["expireAfterSeconds"] for index in indexes if "expireAfterSeconds" in index] == [
        0
    ]


def test_unavailable_database_is_transient() -> None:
    client: pymongo.MongoClient[Any] = pymongo.MongoClient(
        "mongodb://127.0.0.1:9/", serverSelectionTimeoutMS=100
    )
    with client, pytest.raises(Transient):
        MongoReservations(client["test"]).holding("one")
