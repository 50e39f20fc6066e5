"""Tests of CalDAV on a real Radicale: busy times and unreadable calendar entries."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import icalendar
import pytest

from tasks.errors import CalendarUnreadable, InvalidInput, Permanent, Transient
from tasks.interviews.people import Interval, Person
from tasks.ports import Meeting
from worker.adapters.calendars.caldav import CalDavProvider

MONDAY = datetime(2030, 5, 6, tzinfo=UTC)
WEEK = Interval(start=MONDAY, end=MONDAY + timedelta(days=7))


def at(day: int, hour: int, minute: int = 0, hours: float = 1) -> Interval:
    start = MONDAY + timedelta(days=day, hours=hour, minutes=minute)
    return Interval(start=start, end=start + timedelta(hours=hours))


def parsed(text: str) -> Any:
    return icalendar.Calendar.from_ical(text)


class Calendar:
    """One person's calendar and its server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.provider = CalDavProvider(url)
        self.owner = f"{uuid.uuid4().hex[:8]}@example.com"
        self.path = f"/{self.owner}/calendar/"
        self.base = f"{url}{self.owner}/calendar/"

    def create(self) -> None:
        httpx2.request("MKCOL", f"{self.url}{self.owner}/").raise_for_status()
        httpx2.request("MKCALENDAR", self.base).raise_for_status()

    def put(self, *lines: str) -> None:
        uid = uuid.uuid4().hex
        event = ["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"]
        text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *event, "END:VCALENDAR", ""]
        httpx2.put(f"{self.base}{uid}.ics", content="\r\n".join(text)).raise_for_status()

    def busy(self, zone: str = "UTC", window: Interval = WEEK) -> list[Interval]:
        found = self.provider.busy(self.path, window, zone=zone, exclude="one@test")
        return sorted(found, key=lambda span: span.start)

    def event(self, uid: str = "one@test") -> Any:
        answer = httpx2.get(f"{self.base}{uid}.ics").raise_for_status()
        (event,) = parsed(answer.text).events
        return event


@pytest.fixture
def calendar(caldav_url: str) -> Iterator[Calendar]:
    calendar = Calendar(caldav_url)
    calendar.create()
    yield calendar
    calendar.provider.close()


def meeting(interval: Interval, name: str = "Carl", email: str = "carl@example.org") -> Meeting:
    anna, carl = Person(name="Anna", email="anna@example.com"), Person(name=name, email=email)
    summary = f"Interview with {name}"
    return Meeting("one@test", interval, "Europe/Berlin", summary, anna, (anna, carl))


def test_recurring_events_are_expanded(calendar: Calendar) -> None:
    calendar.put(
        "DTSTART;TZID=Europe/Berlin:20300401T090000",
        "DTEND;TZID=Europe/Berlin:20300401T100000",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,WE",
        "EXDATE;TZID=Europe/Berlin:20300508T090000",
    )
    assert calendar.busy() == [at(0, 7)]


@pytest.mark.parametrize(
    ("zone", "hour"), [("UTC", 0), ("America/Los_Angeles", 7), ("Asia/Kathmandu", -5.75)]
)
def test_all_day_events_use_the_owners_time_zone(
    calendar: Calendar, zone: str, hour: float
) -> None:
    calendar.put("DTSTART;VALUE=DATE:20300508", "DTEND;VALUE=DATE:20300509")
    calendar.put("DTSTART:20300509T100000Z", "DTEND:20300509T110000Z")
    day = MONDAY + timedelta(days=2, hours=hour)
    expected = [Interval(start=day, end=day + timedelta(days=1)), at(3, 10)]
    assert calendar.busy(zone) == expected


def test_all_day_event_at_the_edge_of_the_window_counts(calendar: Calendar) -> None:
    calendar.put("DTSTART;VALUE=DATE:20300505", "DTEND;VALUE=DATE:20300506")
    assert calendar.busy("Asia/Kathmandu") == []
    west = calendar.busy("America/Los_Angeles")
    assert west == [at(-1, 7, hours=24)]


def test_transparent_and_cancelled_events_are_ignored(calendar: Calendar) -> None:
    calendar.put("DTSTART:20300506T100000Z", "DTEND:20300506T110000Z", "TRANSP:TRANSPARENT")
    calendar.put("DTSTART:20300506T120000Z", "DTEND:20300506T130000Z", "STATUS:CANCELLED")
    calendar.put("DTSTART:20300506T140000Z", "DTEND:20300506T150000Z", "STATUS:TENTATIVE")
    assert calendar.busy() == [at(0, 14)]


def test_events_are_read_if_our_event_is_busy(calendar: Calendar) -> None:
    # Our own event must be excluded, which free-busy times cannot do as they carry no ids.
    calendar.provider.book([calendar.path], meeting(at(0, 9)))
    calendar.put("DTSTART:20300506T100000Z", "DTEND:20300506T110000Z", "TRANSP:TRANSPARENT")
    calendar.put("DTSTART:20300506T120000Z", "DTEND:20300506T130000Z", "STATUS:CANCELLED")
    calendar.put("DTSTART:20300506T140000Z", "DURATION:PT1H", "STATUS:TENTATIVE")
    calendar.put("DTSTART:20300506T160000Z")
    calendar.put(
        "DTSTART;TZID=Europe/Berlin:20300401T080000",
        "DTEND;TZID=Europe/Berlin:20300401T090000",
        "RRULE:FREQ=DAILY;COUNT=37",
    )
    assert calendar.busy() == [at(0, 6), at(0, 14), at(1, 6)]


def test_missing_calendar_is_unreadable(caldav_url: str) -> None:
    nobody = Calendar(caldav_url)
    with pytest.raises(CalendarUnreadable, match="404"):
        nobody.busy()
    with pytest.raises(Permanent) as refused:
        nobody.provider.book([nobody.path], meeting(at(0, 9)))
    assert refused.value.code == "calendar_refused"
    nobody.provider.close()


def test_missing_calendar_is_created_if_configured(caldav_url: str) -> None:
    nobody = Calendar(caldav_url)
    nobody.provider = CalDavProvider(caldav_url, create_missing=True)
    assert nobody.busy() == []
    assert nobody.provider.book([nobody.path], meeting(at(0, 9))) == 0
    assert nobody.event()["UID"] == "one@test"
    nobody.provider.close()


def test_foreign_event_with_our_name_is_not_changed(calendar: Calendar) -> None:
    calendar.provider.book([calendar.path], meeting(at(0, 9)))
    other = httpx2.get(f"{calendar.base}one@test.ics").text.replace("one@test", "other@test")
    httpx2.delete(f"{calendar.base}one@test.ics")
    httpx2.put(f"{calendar.base}one@test.ics", content=other).raise_for_status()
    with pytest.raises(CalendarUnreadable):
        calendar.provider.book([calendar.path], meeting(at(0, 9)))
    assert calendar.event()["UID"] == "other@test"


def test_event_disables_server_side_scheduling(calendar: Calendar) -> None:
    calendar.provider.book([calendar.path], meeting(at(0, 9)))
    calendar.provider.book([calendar.path], meeting(at(0, 10)))
    event = calendar.event()
    assert event["SEQUENCE"] == 1
    assert (event.start, event.end) == (at(0, 10).start, at(0, 10).end)
    assert event["ORGANIZER"].params["SCHEDULE-AGENT"] == "CLIENT"
    assert "2030-05-06 12:00-13:00 (Europe/Berlin)" in event["DESCRIPTION"]
    assert "METHOD" not in httpx2.get(f"{calendar.base}one@test.ics").text


def test_names_cannot_inject_properties(calendar: Calendar) -> None:
    name = 'Eve\r\nATTENDEE:mailto:x@evil.example\r\nX: "q", ;y\\n\x00'
    evil = meeting(at(0, 9), name, "a?cc=b%0d%0aX@example.org")
    calendar.provider.book([calendar.path], evil)
    for event in (calendar.event(), *requested(calendar.provider.invitation(evil, 0)).events):
        addresses = [str(attendee) for attendee in event["ATTENDEE"]]
        assert addresses == ["mailto:anna@example.com", "mailto:a%3Fcc%3Db%250d%250aX@example.org"]
        names = [attendee.params["CN"] for attendee in event["ATTENDEE"]]
        assert names[1] == 'Eve ATTENDEE:mailto:x@evil.example X: "q", ;y\\n'
        assert "\n" not in event["SUMMARY"]


def requested(text: str) -> Any:
    calendar = parsed(text)
    assert calendar["METHOD"] == "REQUEST"
    return calendar


def test_invitation_requests_replies_from_attendees(calendar: Calendar) -> None:
    (event,) = requested(calendar.provider.invitation(meeting(at(0, 9)), 2)).events
    assert (event["UID"], event["SEQUENCE"]) == ("one@test", 2)
    assert str(event["ORGANIZER"]) == "mailto:anna@example.com"
    assert "SCHEDULE-AGENT" not in event["ORGANIZER"].params
    answers = {a.params["CN"]: (a.params["RSVP"], a.params["PARTSTAT"]) for a in event["ATTENDEE"]}
    assert answers == {"Anna": ("FALSE", "ACCEPTED"), "Carl": ("TRUE", "NEEDS-ACTION")}
    assert event["DTSTAMP"].dt.tzinfo is not None


@pytest.mark.parametrize(
    "named",
    [
        "http://elsewhere.example/anna/calendar/",
        "//elsewhere.example/anna/",
        "/anna/../ben/calendar/",
        "/anna/%2e%2e/ben/",
        "/anna/..%2fben/",
        "/anna/calendar/?export",
        "/anna/calendar/#x",
        "/anna\\ben/",
        "/anna/\r\nX-Evil: 1/",
        "file:///etc/passwd",
        "http://[",
        "/",
        ".",
    ],
)
def test_calendar_of_another_server_is_rejected(calendar: Calendar, named: str) -> None:
    person = Person(name="Anna", email="anna@example.com", calendar=named)
    with pytest.raises(InvalidInput):
        calendar.provider.calendar_of(person)
    with pytest.raises(InvalidInput):
        calendar.provider.busy(named, WEEK, zone="UTC", exclude="x")


@pytest.mark.parametrize(
    ("named", "path"),
    [("anna/work", "/anna/work/"), ("/Anna B/wörk/", "/Anna%20B/w%C3%B6rk/"), ("/a%20b/c/", None)],
)
def test_calendar_paths_are_normalized(calendar: Calendar, named: str, path: str | None) -> None:
    for spelling in (named, calendar.url + named.removeprefix("/")):
        person = Person(name="Anna", email="anna@example.com", calendar=spelling)
        assert calendar.provider.calendar_of(person) == (path or named)


def test_unavailable_server_is_transient() -> None:
    provider = CalDavProvider("http://127.0.0.1:9/", timeout=2)
    with pytest.raises(Transient):
        provider.busy("/anna/calendar/", WEEK, zone="UTC", exclude="x")
    with pytest.raises(Transient):
        provider.book(["/anna/calendar/"], meeting(at(0, 9)))
    with pytest.raises(Transient):
        provider.cancel(["/anna/calendar/"], "x")
    provider.close()


@pytest.mark.parametrize("url", ["ftp://example.com/", "not a url", "http:///x", "http://h/?q"])
def test_server_url_must_be_valid(url: str) -> None:
    with pytest.raises(Permanent, match="CALDAV_URL"):
        CalDavProvider(url)
