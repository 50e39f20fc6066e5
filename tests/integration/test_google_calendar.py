"""Tests of Google Calendar responses: rejections, failures, invalid content, foreign events."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import CalendarUnreadable, InterviewWorkerError, Permanent, Transient, Unusable
from tasks.interviews.people import Interval, Person
from tasks.ports import Meeting
from tasks.signals import ServiceCalled, service_called
from tests.servers.google import google_error, service_account, with_tokens, without_regions
from tests.servers.google_calendar import ROOT, Calendars
from tests.servers.scripted import Answer, ScriptedServer, scripted_server
from tests.timing import allowed
from worker.adapters.calendars.google_calendar import GoogleCalendar
from worker.adapters.providers import Charge, Context
from worker.settings import Settings

NINE = datetime(2030, 5, 6, 9, tzinfo=UTC)
DAY = Interval(start=NINE - timedelta(hours=9), end=NINE + timedelta(hours=15))
ANNA = Person(name="Anna", email="anna@example.com")
MINE = "anna@example.com"


def at(minute: int, minutes: int = 45) -> Interval:
    start = NINE + timedelta(minutes=minute)
    return Interval(start=start, end=start + timedelta(minutes=minutes))


def meeting(interval: Interval) -> Meeting:
    return Meeting("one@test", interval, "Europe/Berlin", "Interview", ANNA, (ANNA,))


@dataclass
class Place:
    server: ScriptedServer
    calendars: Calendars
    provider: GoogleCalendar
    calls: list[ServiceCalled]

    def add(self, interval: Interval, **more: Any) -> None:
        start, end = ({"dateTime": moment.isoformat()} for moment in (interval.start, interval.end))
        self.calendars.add(MINE, start, end, **more)

    def busy(self) -> list[Interval]:
        found = self.provider.busy(MINE, DAY, zone="Europe/Berlin", exclude="one@test")
        return sorted(found, key=lambda span: span.start)


@contextmanager
def google(tmp_path: Path, **changed: Any) -> Iterator[Place]:
    calendars, calls = Calendars(), list[ServiceCalled]()
    with (
        without_regions(),
        scripted_server(with_tokens(calendars)) as server,
        service_called.connected(calls.append),
    ):
        settings = Settings(
            **{
                "google_credentials": service_account(tmp_path, server.url),
                "google_calendar_url": f"{server.url}{ROOT}/",
                "provider_timeout": allowed(20),
                **changed,
            }
        )
        context = Context(settings, lambda *_: nullcontext(), lambda _: Charge(None, "1"))
        provider = GoogleCalendar.of(context)
        assert isinstance(provider, GoogleCalendar)
        with closing(provider):
            yield Place(server, calendars, provider, calls)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with google(tmp_path) as made:
        yield made


def test_error_in_a_successful_response_is_unreadable(place: Place) -> None:
    place.calendars.unreadable.add(MINE)
    with pytest.raises(CalendarUnreadable, match="notFound"):
        place.busy()


def test_own_event_is_excluded_from_overlapping_events(place: Place) -> None:
    place.provider.book([MINE], meeting(at(0)))
    for minute in (30, 60, 90, 120, 150):
        place.add(at(minute, 20))
    place.add(at(200), transparency="transparent")
    place.add(at(260), attendees=[{"self": True, "responseStatus": "declined"}])
    place.add(at(320), eventType="workingLocation")
    assert place.busy() == [at(minute, 20) for minute in (30, 60, 90, 120, 150)]
    # All pages are requested.
    assert sum("pageToken" in request.path for request in place.server.requests) >= 2


def test_all_day_events_use_the_owners_time_zone(place: Place) -> None:
    place.provider.book([MINE], meeting(at(0)))
    place.calendars.add(MINE, {"date": "2030-05-06"}, {"date": "2030-05-07"})
    # A real server returns whole-day busy times in the calendar's time zone.
    place.calendars.before = lambda request: (
        Answer(body={"calendars": {MINE: {"busy": [_day()]}}})
        if request.path.partition("?")[0].endswith("/freeBusy")
        else None
    )
    midnight = datetime(2030, 5, 5, 22, tzinfo=UTC)
    assert place.busy() == [Interval(start=midnight, end=midnight + timedelta(days=1))]


def _day() -> dict[str, str]:
    return {"start": "2030-05-06T00:00:00+02:00", "end": "2030-05-07T00:00:00+02:00"}


def test_cancelled_meeting_can_be_booked_again(place: Place) -> None:
    for _ in range(3):
        assert place.provider.book([MINE], meeting(at(0))) == 0
        place.provider.cancel([MINE], "one@test")
    place.provider.book([MINE], meeting(at(60)))
    statuses = [one["status"] for one in place.calendars.events[MINE].values()]
    assert statuses == ["cancelled"] * 3 + ["confirmed"]
    assert place.provider.busy(MINE, DAY, zone="UTC", exclude="other@test") == [at(60)]


def test_google_sends_no_invitations(place: Place) -> None:
    place.provider.book([MINE], meeting(at(0)))
    (stored,) = place.calendars.events[MINE].values()
    assert "attendees" not in stored
    assert stored["extendedProperties"]["private"]["uid"] == "one@test"
    (inserted,) = (one for one in place.server.requests if "/events?" in one.path)
    assert "sendUpdates=none" in inserted.path


def test_concurrent_attempt_creates_no_second_event(place: Place) -> None:
    once = iter([google_error(404, "notFound")])
    place.provider.book([MINE], meeting(at(0)))
    # The first lookup finds nothing, as if another attempt booked right after it.
    place.calendars.before = lambda request: next(once, None) if request.method == "GET" else None
    assert place.provider.book([MINE], meeting(at(0))) == 0
    assert len(place.calendars.events[MINE]) == 1


def test_concurrent_change_is_transient(place: Place) -> None:
    place.provider.book([MINE], meeting(at(0)))
    place.calendars.before = lambda request: (
        google_error(412, "conditionNotMet") if request.method == "PUT" else None
    )
    with pytest.raises(Transient, match="changed"):
        place.provider.book([MINE], meeting(at(60)))


def test_requests_are_signalled_by_template(place: Place) -> None:
    place.add(at(0))
    place.provider.book([MINE], meeting(at(0)))
    place.busy()
    place.provider.ping()
    found = [(one.service, one.endpoint) for one in place.calls]
    assert len(found) == len(place.server.requests)
    assert set(found) == {
        ("google_auth", "/token"),
        ("google_calendar", "/freeBusy"),
        ("google_calendar", "/calendars/{id}/events"),
        ("google_calendar", "/calendars/{id}/events/{id}"),
        ("google", "other"),
    }


ERRORS = [
    (google_error(400, "badRequest"), Permanent, "provider_refused"),
    (google_error(401, "authError"), Unusable, "provider_credentials"),
    (google_error(403, "rateLimitExceeded", Retry_After="7"), Transient, "provider_busy"),
    (google_error(403, "userRateLimitExceeded"), Transient, "provider_busy"),
    (google_error(403, "accessNotConfigured"), Unusable, "provider_forbidden"),
    (google_error(403, "forbidden"), Permanent, "calendar_refused"),
    (google_error(404, "notFound"), Permanent, "calendar_refused"),
    (google_error(429, "rateLimitExceeded"), Transient, "provider_busy"),
    (google_error(500, "backendError"), Transient, "provider_unavailable"),
    (google_error(503, "backendError"), Transient, "provider_unavailable"),
    (Answer(body=b"{not json"), Transient, "provider_unreadable"),
    (Answer(body={"calendars": {}}), Transient, "provider_unreadable"),
    (
        Answer(body={"calendars": {MINE: {"busy": [{"start": "now"}]}}}),
        Transient,
        "provider_unreadable",
    ),
    (Answer(body={"calendars": {MINE: {"busy": []}}}, cut=True), Transient, "provider_unreachable"),
    (Answer(reset=True), Transient, "provider_unreachable"),
]


@pytest.mark.parametrize(("answer", "kind", "code"), ERRORS)
def test_errors_are_mapped_as_documented(
    place: Place, answer: Answer, kind: type[InterviewWorkerError], code: str
) -> None:
    place.calendars.before = lambda _: answer
    with pytest.raises(InterviewWorkerError) as raised:
        place.busy()
    assert type(raised.value) is kind
    assert raised.value.code == code
    assert MINE not in raised.value.message
    if "Retry-After" in answer.headers:
        assert isinstance(raised.value, Transient)
        assert raised.value.retry_after == 7
    assert len(place.calls) == len(place.server.requests)


@pytest.mark.parametrize("status", [403, 404])
def test_calendar_without_access_is_reported(place: Place, status: int) -> None:
    place.calendars.before = lambda request: (
        google_error(status, "forbidden") if request.method == "POST" else None
    )
    with pytest.raises(Permanent) as raised:
        place.provider.book([MINE], meeting(at(0)))
    assert raised.value.code == "calendar_refused"


def test_slow_response_times_out(tmp_path: Path) -> None:
    go_on = threading.Event()
    with google(tmp_path, provider_timeout=0.3) as place:
        place.calendars.before = lambda _: Answer(after=go_on)
        with pytest.raises(Transient) as raised:
            place.busy()
        go_on.set()
    assert raised.value.code == "provider_timeout"


def test_ping_accepts_any_response(place: Place) -> None:
    place.calendars.before = lambda _: google_error(403, "forbidden")
    place.provider.ping()
    place.calendars.before = lambda _: Answer(reset=True)
    with pytest.raises(Transient):
        place.provider.ping()
