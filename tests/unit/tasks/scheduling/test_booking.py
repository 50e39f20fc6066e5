"""Booking with in-memory calendars and reservations."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from tasks.errors import Transient
from tasks.interviews.interview import Booking, BookingOutcome, Interview
from tasks.interviews.people import Interval, Person, WorkingHours
from tasks.scheduling.booking import calendars_of, schedule, unschedule
from tasks.scheduling.calendars import Calendars
from tests.fakes.calendar import MemoryCalendar
from tests.fakes.reservations import MemoryReservations
from tests.meetings import ANNA, BEN, NOW, at, interview

ANNAS = "/anna@example.com/calendar/"


class Office:
    """The calendars and the reservations."""

    def __init__(self) -> None:
        self.calendar = MemoryCalendar()
        self.calendars = Calendars(self.calendar)
        self.reservations = MemoryReservations()

    def schedule(self, wanted: Interview, now: datetime = NOW) -> Booking:
        return schedule(wanted, self.calendars, self.reservations, now)

    def meeting(self, calendar: str, interval: Interval) -> None:
        self.calendar.events[calendar][str(interval.start)] = interval, 0

    def booked(self, calendar: str = ANNAS, uid: str = "one@interview-worker") -> Interval | None:
        return self.calendar.events[calendar].get(uid, (None,))[0]

    def just_before(self, operation: str, action: Callable[[], None]) -> None:
        """Run an action right before the next operation with this name."""

        def before(name: str) -> None:
            if name == operation:
                self.calendar.before = lambda _: None
                action()

        self.calendar.before = before


@pytest.fixture
def office() -> Office:
    return Office()


def time_of(booking: Booking) -> tuple[datetime | None, datetime | None]:
    return booking.start, booking.end


def test_books_the_earliest_time_that_suits_everybody(office: Office) -> None:
    office.meeting(ANNAS, at(9))
    office.meeting("/ben@example.com/calendar/", at(10))
    booking = office.schedule(interview(interviewers=[ANNA, BEN]))
    assert booking.outcome is BookingOutcome.BOOKED
    assert time_of(booking) == (at(11).start, at(11).end)
    assert booking.uid == "one@interview-worker"
    assert booking.calendars == (ANNAS, "/ben@example.com/calendar/")
    assert booking.attendees == ("anna@example.com", "ben@example.com", "carl@example.org")
    assert booking.invitation is not None
    assert "SEQUENCE:0" in booking.invitation
    assert office.booked() == office.booked("/ben@example.com/calendar/") == at(11)


def test_goes_by_everybodys_own_clock(office: Office) -> None:
    candidate = Person(name="C", email="c@example.org", time_zone="America/New_York")
    booking = office.schedule(interview(candidate=candidate, time_zone="Europe/Berlin"))
    # 9:00 in New York is 15:00 in Berlin, where the working day ends at 17:00.
    assert booking.start == at(13).start
    assert booking.time_zone == "Europe/Berlin"


def test_looks_into_the_candidates_calendar_where_one_is_named(office: Office) -> None:
    candidate = Person(name="C", email="c@example.org", calendar="/c/")
    office.meeting("/c/", at(9))
    booking = office.schedule(interview(candidate=candidate))
    assert booking.start == at(10).start
    assert booking.calendars == ("/c/", ANNAS)


def test_keeps_the_candidate_free_without_a_calendar(office: Office) -> None:
    office.schedule(interview("one"))
    booking = office.schedule(interview("two", interviewers=[BEN]))
    assert booking.start == at(10).start


def test_next_meeting_comes_one_buffer_later(office: Office) -> None:
    starts = [office.schedule(interview(f"{n}")).start for n in range(3)]
    assert starts == [at(9).start, at(10).start, at(11).start]


def test_buffers_of_other_interviews_are_kept_too(office: Office) -> None:
    office.schedule(interview("one", follow_up={"buffer_minutes": 60, "duration_minutes": 60}))
    booking = office.schedule(interview("two", follow_up={"buffer_minutes": 0}))
    assert booking.start == at(11).start


def test_nobody_to_meet(office: Office) -> None:
    booking = office.schedule(interview(interviewers=[]))
    assert (booking.outcome, booking.reason) == (BookingOutcome.UNSCHEDULED, "no_interviewers")


def test_no_slot_tells_where_was_looked(office: Office) -> None:
    office.meeting(ANNAS, Interval(start=NOW, end=NOW + timedelta(days=30)))
    booking = office.schedule(interview())
    assert booking.reason == "no_slot"
    assert "2030-05-04 00:00+00:00 and 2030-05-17 00:00+00:00" in (booking.detail or "")
    assert office.reservations.holding("one") is None


def test_no_common_working_hours(office: Office) -> None:
    at_night = WorkingHours(start=at(18).start.time(), end=at(20).start.time())
    ben = BEN.model_copy(update={"working_hours": at_night})
    assert office.schedule(interview(interviewers=[ANNA, ben])).reason == "no_slot"


@pytest.mark.parametrize("wish", [{"latest": NOW}, {"notice_hours": 48, "window_days": 1}])
def test_empty_window_is_no_slot(office: Office, wish: dict[str, Any]) -> None:
    booking = office.schedule(interview(follow_up=wish))
    assert booking.reason == "no_slot"
    assert "2030-05-03" in (booking.detail or "")


def test_unreadable_calendar_is_not_free(office: Office) -> None:
    office.calendar.unreadable.add("/ben@example.com/calendar/")
    booking = office.schedule(interview(interviewers=[ANNA, BEN]))
    assert booking.reason == "calendar_unreadable"
    assert booking.detail == "the calendar of interviewer 2 cannot be read: it is locked away"
    assert office.booked() is None


def test_calendar_with_an_impossible_name_is_unreadable(office: Office) -> None:
    candidate = Person(name="C", email="c@example.org", calendar="/../c/")
    booking = office.schedule(interview(candidate=candidate))
    assert booking.reason == "calendar_unreadable"
    assert (booking.detail or "").startswith("the calendar of the candidate")


def test_calendar_that_refuses_the_event_leaves_nothing_behind(office: Office) -> None:
    office.calendar.read_only.add("/ben@example.com/calendar/")
    booking = office.schedule(interview(interviewers=[ANNA, BEN]))
    assert booking.reason == "calendar_refused"
    assert office.booked() is None
    assert office.reservations.holding("one") is None


def test_meeting_that_appears_after_the_look_moves_the_booking(office: Office) -> None:
    def after_the_look() -> None:
        office.just_before("busy", lambda: office.meeting(ANNAS, at(9, 30, minutes=5)))

    office.just_before("busy", after_the_look)
    assert office.schedule(interview()).start == at(9, 45).start
    assert office.schedule(interview("two")).start == at(10, 45).start


@pytest.mark.parametrize("operation", ["busy", "book"])
def test_goes_on_after_a_crash_as_if_nothing_had_happened(office: Office, operation: str) -> None:
    def crash() -> None:
        raise Transient("away")

    office.just_before(operation, crash)
    with pytest.raises(Transient):
        office.schedule(interview())
    booking = office.schedule(interview(), NOW + timedelta(minutes=1))
    assert booking.start == at(9).start
    assert office.booked() == at(9)


def test_again_after_it_was_booked_is_the_same_booking(office: Office) -> None:
    first = office.schedule(interview())
    assert office.schedule(interview()) == first


def test_stays_where_it_is_when_an_earlier_slot_comes_free(office: Office) -> None:
    office.meeting(ANNAS, at(9))
    first = office.schedule(interview())
    office.calendar.events[ANNAS].pop(str(at(9).start))
    assert office.schedule(interview()) == first


def test_moves_when_its_slot_no_longer_suits(office: Office) -> None:
    office.schedule(interview())
    office.meeting(ANNAS, at(9, 15))
    booking = office.schedule(interview())
    assert booking.start == at(10, 15).start
    assert office.booked() == at(10, 15)
    assert "SEQUENCE:1" in (booking.invitation or "")


def test_event_of_a_slot_that_is_lost_is_taken_back(office: Office) -> None:
    office.schedule(interview())
    office.meeting(ANNAS, Interval(start=NOW, end=NOW + timedelta(days=30)))
    assert office.schedule(interview()).reason == "no_slot"
    assert office.booked() is None


def test_another_run_that_moved_the_meeting_is_agreed_with(office: Office) -> None:
    def other_run() -> None:
        office.meeting(ANNAS, at(9))
        assert office.schedule(interview()).start == at(10).start

    office.just_before("book", other_run)
    booking = office.schedule(interview())
    assert booking.start == at(10).start
    assert office.booked() == at(10)


def test_unschedule_undoes_it_all_and_may_be_repeated(office: Office) -> None:
    wanted = interview(interviewers=[ANNA, BEN])
    calendars = office.schedule(wanted).calendars
    assert calendars == calendars_of(wanted, office.calendar)
    for _ in range(2):
        unschedule(wanted, office.calendars, office.reservations)
    assert not any(office.calendar.events.values())
    assert office.schedule(interview("two")).start == at(9).start


def test_many_at_once_are_all_apart(office: Office) -> None:
    follow_ups = [{"buffer_minutes": 5 * (n % 4), "window_days": 30} for n in range(30)]
    wanted = [interview(f"{n}", follow_up=follow_up) for n, follow_up in enumerate(follow_ups)]
    with ThreadPoolExecutor(8) as threads:
        bookings = list(threads.map(office.schedule, wanted))
    assert all(booking.outcome is BookingOutcome.BOOKED for booking in bookings)
    holds = [office.reservations.holding(one.id) for one in wanted]
    assert not any(a.conflicts(b) for a, b in combinations(filter(None, holds), 2))
    booked = {uid: at for uid, (at, _) in office.calendar.events[ANNAS].items()}
    assert booked == {
        f"{one.id}@interview-worker": hold and hold.interval
        for one, hold in zip(wanted, holds, strict=True)
    }
