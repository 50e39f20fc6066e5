"""Interviews with a requested follow-up meeting, and times for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.interviews.interview import Interview
from tasks.interviews.people import Interval, Person
from tests.samples import an_interview

MONDAY = datetime(2030, 5, 6, tzinfo=UTC)
NOW = MONDAY - timedelta(days=3)
ANNA = Person(name="Anna", email="anna@example.com")
BEN = Person(name="Ben", email="ben@example.com")
CARL = Person(name="Carl", email="carl@example.org")


def interview(id_: str = "one", **particulars: Any) -> Interview:
    """An interview of Carl with a follow-up by Anna, in UTC."""
    given = {"candidate": CARL, "interviewers": (ANNA,), "time_zone": "UTC", **particulars}
    return an_interview(id=id_, created_at=NOW, **given)


def at(hour: int, minute: int = 0, minutes: int = 45) -> Interval:
    """A time on Monday."""
    start = MONDAY + timedelta(hours=hour, minutes=minute)
    return Interval(start=start, end=start + timedelta(minutes=minutes))
