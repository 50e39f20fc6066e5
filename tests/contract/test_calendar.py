"""The contract of `CalendarProvider`, in memory and on a CalDAV server."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tasks.errors import InvalidInput
from tasks.interviews.people import Interval, Person
from tasks.ports import CalendarProvider, Meeting
from tests.fakes.calendar import MemoryCalendar
from tests.servers.google import service_account, with_tokens, without_regions
from tests.servers.google_calendar import ROOT, Calendars
from tests.servers.scripted import scripted_server
from tests.timing import allowed
from worker.adapters.calendars.caldav import CalDavProvider
from worker.adapters.calendars.google_calendar import GoogleCalendar
from worker.adapters.google.identity import credentials_for

NINE = datetime(2030, 5, 6, 9, tzinfo=UTC)
DAY = Interval(start=NINE - timedelta(hours=9), end=NINE + timedelta(hours=15))


def at(minute: int, minutes: int = 45) -> Interval:
    """A span that starts the given number of minutes after nine."""
    start = NINE + timedelta(minutes=minute)
    return Interval(start=start, end=start + timedelta(minutes=minutes))


@dataclass(frozen=True)
class World:
    """A calendar provider, and changes by the calendars' owners."""

    provider: CalendarProvider
    add: Callable[[str, Interval], None]
    """Adds an event that was not booked by the service."""
    names: tuple[str, str] = ("/{email}/calendar/", "/team/blue/")
    """The calendar of an e-mail address, and the name of another calendar."""

    def calendar(self) -> str:
        return self.provider.calendar_of(person())

    def busy(self, calendar: str, *, exclude: str = "none") -> list[Interval]:
        return sorted(
            self.provider.busy(calendar, DAY, zone="UTC", exclude=exclude),
            key=lambda span: span.start,
        )


def person(name: str = "Anna", **fields: str) -> Person:
    return Person(name=name, email=f"{name}.{uuid.uuid4().hex[:8]}@example.com", **fields)


def meeting(interval: Interval, uid: str = "one@test") -> Meeting:
    anna, carl = person(), person("Carl")
    return Meeting(uid, interval, "Europe/Berlin", "Interview with Carl", anna, (anna, carl))


def put_event(url: str, calendar: str, interval: Interval) -> None:
    uid = uuid.uuid4().hex
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:somebody\r\nBEGIN:VEVENT\r\n"
        f"UID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n"
        f"DTSTART:{interval.start:%Y%m%dT%H%M%SZ}\r\nDTEND:{interval.end:%Y%m%dT%H%M%SZ}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    base = url + calendar.removeprefix("/")
    httpx2.request("MKCOL", base.removesuffix("calendar/"))
    httpx2.request("MKCALENDAR", base)
    httpx2.put(f"{base}{uid}.ics", content=text).raise_for_status()


@contextmanager
def google(place: Path) -> Iterator[World]:
    calendars = Calendars()

    def add(calendar: str, interval: Interval) -> None:
        start, end = interval.start.isoformat(), interval.end.isoformat()
        calendars.add(calendar, {"dateTime": start}, {"dateTime": end})

    with without_regions(), scripted_server(with_tokens(calendars)) as server:
        credentials = credentials_for(
            ["https://www.googleapis.com/auth/calendar"], service_account(place, server.url)
        )
        provider = GoogleCalendar(
            credentials,
            url=f"{server.url}{ROOT}/",
            timeout=allowed(20),
            breaker=lambda *_: nullcontext(),
        )
        with closing(provider):
            yield World(provider, add, ("{email}", "blue@group.calendar.google.com"))


@pytest.fixture(params=["memory", "caldav", "google"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "google":
        with google(tmp_path) as made:
            yield made
        return
    if request.param == "memory":
        memory = MemoryCalendar()

        def write(calendar: str, interval: Interval) -> None:
            memory.events[calendar][uuid.uuid4().hex] = interval, 0

        yield World(memory, write)
        return
    url: str = request.getfixturevalue("caldav_url")
    provider = CalDavProvider(url, create_missing=True)
    yield World(provider, lambda calendar, interval: put_event(url, calendar, interval))
    provider.close()


def test_calendar_is_that_of_the_email_address_in_any_case(world: World) -> None:
    calendar = world.provider.calendar_of(Person(name="A", email="Anna.B@Example.com"))
    assert calendar == world.names[0].format(email="anna.b@example.com")


def test_calendar_is_the_one_that_is_named(world: World) -> None:
    named = world.names[1]
    assert world.provider.calendar_of(person(calendar=named)) == named


def test_calendar_must_not_lead_out_of_the_root(world: World) -> None:
    with pytest.raises(InvalidInput):
        world.provider.calendar_of(person(calendar="/team/../../secret/"))


def test_is_free_where_nothing_is(world: World) -> None:
    assert world.busy(world.calendar()) == []


def test_is_busy_with_what_others_wrote(world: World) -> None:
    calendar = world.calendar()
    world.add(calendar, at(0))
    world.add(calendar, at(120))
    world.add(calendar, at(3 * 24 * 60))
    assert world.busy(calendar) == [at(0), at(120)]


def test_is_busy_with_what_was_booked_in_every_calendar(world: World) -> None:
    calendars = [world.calendar(), world.calendar()]
    assert world.provider.book(calendars, meeting(at(0))) == 0
    assert [world.busy(calendar) for calendar in calendars] == [[at(0)], [at(0)]]


def test_one_event_can_be_left_out(world: World) -> None:
    calendar = world.calendar()
    world.add(calendar, at(20))
    world.provider.book([calendar], meeting(at(0)))
    assert world.busy(calendar, exclude="one@test") == [at(20)]


def test_booking_again_changes_nothing(world: World) -> None:
    calendar = world.calendar()
    for _ in range(2):
        assert world.provider.book([calendar], meeting(at(0))) == 0
    assert world.busy(calendar) == [at(0)]


def test_booking_at_another_time_moves_the_event(world: World) -> None:
    calendars = [world.calendar(), world.calendar()]
    world.provider.book(calendars, meeting(at(0)))
    assert world.provider.book(calendars, meeting(at(60))) == 1
    assert world.provider.book(calendars, meeting(at(60))) == 1
    assert world.provider.book(calendars, meeting(at(90))) == 2
    assert [world.busy(calendar) for calendar in calendars] == [[at(90)], [at(90)]]


def test_booking_goes_on_where_it_was_broken_off(world: World) -> None:
    first, second = world.calendar(), world.calendar()
    world.provider.book([first], meeting(at(0)))
    assert world.provider.book([first, second], meeting(at(0))) == 0
    assert world.busy(first) == world.busy(second) == [at(0)]


def test_cancelling_takes_the_event_out_and_no_other(world: World) -> None:
    calendars = [world.calendar(), world.calendar()]
    world.add(calendars[0], at(120))
    world.provider.book(calendars, meeting(at(0)))
    world.provider.book(calendars, meeting(at(60), uid="two@test"))
    world.provider.cancel(calendars, "one@test")
    assert world.busy(calendars[0]) == [at(60), at(120)]
    assert world.busy(calendars[1]) == [at(60)]


def test_cancelling_what_is_not_there_does_nothing(world: World) -> None:
    calendar = world.calendar()
    world.provider.cancel([calendar], "one@test")
    world.add(calendar, at(0))
    world.provider.cancel([calendar], "one@test")
    assert world.busy(calendar) == [at(0)]


def test_booking_one_event_from_many_threads_makes_one_event(world: World) -> None:
    calendar = world.calendar()
    with ThreadPoolExecutor(4) as threads:
        revisions = threads.map(lambda _: world.provider.book([calendar], meeting(at(0))), range(8))
        assert set(revisions) == {0}
    assert world.busy(calendar) == [at(0)]


def test_invitation_is_a_request_for_this_revision(world: World) -> None:
    text = world.provider.invitation(meeting(at(0)), 3)
    assert "METHOD:REQUEST" in text
    assert "UID:one@test" in text
    assert "SEQUENCE:3" in text
