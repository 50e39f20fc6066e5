"""The slot search, compared with a slow and simple one in steps of five minutes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.interviews.people import Interval, WorkingHours
from tasks.scheduling.slots import GRID, Availability, common_time, slots

STEP = timedelta(minutes=5)
NONE = timedelta(0)
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
ALWAYS = WorkingHours(start=time(0), end=time(23, 55), days=EVERY_DAY)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def span(start: datetime, end: datetime) -> Interval:
    return Interval(start=start, end=end)


# The days around clock changes, and a day without one.
CHANGES = {
    "Europe/Berlin": [utc(2026, 3, 28), utc(2026, 10, 24)],
    "America/New_York": [utc(2026, 3, 7), utc(2026, 10, 31)],
    "Australia/Lord_Howe": [utc(2026, 4, 4), utc(2026, 10, 3)],
    "Asia/Kathmandu": [utc(2026, 5, 1)],
    "Pacific/Apia": [utc(2011, 12, 28)],
}


def works(presence: Availability, moment: datetime) -> bool:
    wall = moment.astimezone(ZoneInfo(presence.zone))
    hours = presence.hours
    return wall.isoweekday() in hours.days and hours.start <= wall.time() < hours.end


def brute_force(
    people: list[Availability],
    busy: list[Interval],
    window: Interval,
    duration: timedelta,
    buffer: timedelta,
) -> list[Interval]:
    found = []
    start = utc(1970, 1, 1)
    start += (window.start - start) // GRID * GRID
    while start < window.end:
        meeting = Interval(start=start, end=start + duration)
        moments = [start + n * STEP for n in range(duration // STEP)]
        if (
            window.start <= meeting.start
            and meeting.end <= window.end
            and all(works(presence, moment) for presence in people for moment in moments)
            and not any(meeting.padded(buffer, buffer).overlaps(b) for b in busy)
        ):
            found.append(meeting)
        start += GRID
    return found


def five_minutes(most: int, least: int = 0) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda n: n * STEP)


wall_times = st.integers(0, 287).map(lambda n: (utc(1970, 1, 1) + n * STEP).time())
hours = (
    st.tuples(wall_times, wall_times, st.sets(st.integers(1, 7), min_size=1))
    .filter(lambda drawn: drawn[0] < drawn[1])
    .map(lambda d: WorkingHours(start=d[0], end=d[1], days=tuple(d[2])))
)
presences = st.builds(Availability, hours=hours, zone=st.sampled_from(sorted(CHANGES)))
days = st.sampled_from(sorted(day for listed in CHANGES.values() for day in listed))


@st.composite
def cases(
    draw: st.DrawFn,
) -> tuple[list[Availability], list[Interval], Interval, timedelta, timedelta]:
    start = draw(days) + draw(five_minutes(288))
    window = Interval(start=start, end=start + draw(five_minutes(900, least=1)))
    busy = [
        Interval(start=start + after, end=start + after + lasting)
        for after, lasting in draw(
            st.lists(st.tuples(five_minutes(900), five_minutes(100, least=1)), max_size=8)
        )
    ]
    people = draw(st.lists(presences, min_size=1, max_size=3))
    return people, busy, window, draw(five_minutes(30, least=1)), draw(five_minutes(12))


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_finds_what_brute_force_finds(
    case: tuple[list[Availability], list[Interval], Interval, timedelta, timedelta],
) -> None:
    people, busy, window, duration, buffer = case
    free = common_time(people, busy, window, buffer)
    assert list(slots(free, duration)) == brute_force(*case)


def minutes_free(zone: str, hours: WorkingHours, day: datetime) -> list[tuple[str, str]]:
    window = span(day, day + timedelta(days=1))
    return [
        (f"{free.start:%H:%M}", f"{free.end:%H:%M}")
        for free in common_time([Availability(hours, zone)], [], window, NONE)
    ]


@pytest.mark.parametrize(
    ("zone", "day", "start", "end", "free"),
    [
        # Forward: 02:00 to 03:00 is skipped, so working hours begin at the clock change.
        ("Europe/Berlin", utc(2026, 3, 29), time(2, 30), time(4), [("01:00", "02:00")]),
        ("Europe/Berlin", utc(2026, 3, 29), time(2), time(2, 45), []),
        # Back: 02:00 to 03:00 is repeated.
        ("Europe/Berlin", utc(2026, 10, 25), time(2), time(3), [("00:00", "02:00")]),
        (
            "Europe/Berlin",
            utc(2026, 10, 25),
            time(2),
            time(2, 30),
            [("00:00", "00:30"), ("01:00", "01:30")],
        ),
        ("America/New_York", utc(2026, 3, 8), time(1), time(4), [("06:00", "08:00")]),
        ("America/New_York", utc(2026, 11, 1), time(1), time(2), [("05:00", "07:00")]),
        # By half an hour only: 02:00 to 02:30 is skipped; 01:30 to 02:00 is repeated.
        ("Australia/Lord_Howe", utc(2026, 10, 3), time(1), time(3), [("14:30", "16:00")]),
        ("Australia/Lord_Howe", utc(2026, 4, 4), time(1, 30), time(2), [("14:30", "15:30")]),
        ("Asia/Kathmandu", utc(2026, 5, 1), time(9), time(17), [("03:15", "11:15")]),
    ],
)
def test_working_hours_are_those_on_the_wall(
    zone: str, day: datetime, start: time, end: time, free: list[tuple[str, str]]
) -> None:
    assert minutes_free(zone, WorkingHours(start=start, end=end, days=EVERY_DAY), day) == free


def test_working_day_moves_with_the_clocks() -> None:
    hours = WorkingHours(days=EVERY_DAY)
    friday, monday = utc(2026, 3, 27), utc(2026, 3, 30)
    assert minutes_free("Europe/Berlin", hours, friday) == [("08:00", "16:00")]
    assert minutes_free("Europe/Berlin", hours, monday) == [("07:00", "15:00")]


def test_slots_start_on_quarter_hours() -> None:
    window = span(utc(2026, 5, 4, 10, 1), utc(2026, 5, 4, 11, 50))
    found = [f"{slot.start:%H:%M}" for slot in slots([window], timedelta(minutes=45))]
    assert found == ["10:15", "10:30", "10:45", "11:00"]


def test_slots_on_quarter_hours_in_kathmandu_too() -> None:
    window = span(utc(2026, 5, 4), utc(2026, 5, 5))
    free = common_time([Availability(WorkingHours(), "Asia/Kathmandu")], [], window, NONE)
    first = next(slots(free, timedelta(minutes=45)))
    assert first.start.astimezone(ZoneInfo("Asia/Kathmandu")).time() == time(9)


def test_buffer_is_kept_on_both_sides() -> None:
    window = span(utc(2026, 5, 4, 9), utc(2026, 5, 4, 12))
    busy = [span(utc(2026, 5, 4, 10), utc(2026, 5, 4, 10, 30))]
    free = common_time([Availability(ALWAYS, "UTC")], busy, window, timedelta(minutes=10))
    assert free == [
        span(utc(2026, 5, 4, 9), utc(2026, 5, 4, 9, 50)),
        span(utc(2026, 5, 4, 10, 40), utc(2026, 5, 4, 12)),
    ]


def test_busy_just_outside_the_window_needs_its_buffer_inside() -> None:
    window = span(utc(2026, 5, 4, 9), utc(2026, 5, 4, 12))
    busy = [span(utc(2026, 5, 4, 8), utc(2026, 5, 4, 9))]
    free = common_time([Availability(ALWAYS, "UTC")], busy, window, timedelta(minutes=10))
    assert free == [span(utc(2026, 5, 4, 9, 10), utc(2026, 5, 4, 12))]


def test_many_busy_times_over_ninety_days() -> None:
    start = utc(2026, 1, 1)
    window = Interval(start=start, end=start + timedelta(days=90))
    busy = [
        Interval(start=start + n * STEP * 2, end=start + n * STEP * 2 + STEP)
        for n in range(90 * 144)
    ]
    people = [Availability(WorkingHours(), zone) for zone in CHANGES]
    assert not list(slots(common_time(people, busy, window, NONE), timedelta(minutes=15)))
