"""Computation of the times at which everybody can meet.

All computation uses sorted, merged spans in UTC; nothing iterates over minutes. Working hours are
local times: a moment is within them if the local clock shows a time from their start to before
their end. When clocks go back, the repeated hour counts twice; when they go forward, the skipped
hour does not count.

Meetings start on a grid of quarter hours in UTC. The UTC offset of every zone in use is a multiple
of a quarter hour, so they are quarter hours in local time as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tasks.interviews.people import Interval, WorkingHours

GRID = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

_Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Availability:
    """A person's working hours.

    Attributes:
        hours: Hours and days in local time.
        zone: The name of the time zone.
    """

    hours: WorkingHours
    zone: str


def common_time(
    people: Iterable[Availability], busy: Iterable[Interval], window: Interval, buffer: timedelta
) -> list[Interval]:
    """The spans in which a meeting of all these people can lie.

    Args:
        people: Everybody's working hours.
        busy: Everybody's busy spans, from `buffer` before the window to `buffer` after it.
        window: The span in which the meeting must lie.
        buffer: Free time between the meeting and any busy span. It may lie outside of working
            hours.

    Returns:
        Spans in order, neither overlapping nor adjacent.
    """
    common = [(window.start, window.end)]
    for availability in set(people):
        common = list(_intersection(common, _working_times(availability, window)))
    taken = _merged((span.start - buffer, span.end + buffer) for span in busy)
    free = _intersection(common, _complement(taken, window))
    return [Interval(start=start, end=end) for start, end in free]


def slots(free: Iterable[Interval], duration: timedelta) -> Iterator[Interval]:
    """All meetings of a duration that fit into free spans, earliest first.

    They overlap each other: they are alternatives for one meeting.
    """
    for span in free:
        start = span.start + (_EPOCH - span.start) % GRID
        while start + duration <= span.end:
            yield Interval(start=start, end=start + duration)
            start += GRID


def _working_times(availability: Availability, window: Interval) -> list[_Span]:
    zone = ZoneInfo(availability.zone)
    times: list[_Span] = []
    for (start, end), offset in _fixed_offset_spans(zone, window):
        times += _intersection([(start, end)], _hours_at(availability.hours, offset, start, end))
    return _merged(times)


def _hours_at(
    hours: WorkingHours, offset: timedelta, start: datetime, end: datetime
) -> Iterator[_Span]:
    """The working hours of each day from start to end, for clocks at `offset` from UTC."""
    day = (start + offset).replace(hour=0, minute=0, second=0, microsecond=0) - offset
    opening, closing = (
        timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
        for at in (hours.start, hours.end)
    )
    while day < end:
        if (day + offset).isoweekday() in hours.days:
            yield day + opening, day + closing
        day += _DAY


def _fixed_offset_spans(zone: ZoneInfo, window: Interval) -> Iterator[tuple[_Span, timedelta]]:
    """Split the window at changes of the zone's UTC offset."""
    marks = [window.start]
    while marks[-1] < window.end:
        marks.append(min(marks[-1] + _DAY, window.end))
    start = window.start
    for before, after in pairwise(marks):
        if _offset(zone, before) != _offset(zone, after):
            change = _offset_change(zone, before, after)
            yield (start, change), _offset(zone, before)
            start = change
    if start < window.end:
        yield (start, window.end), _offset(zone, start)


def _offset_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Find the first whole second of the zone's new offset by bisection."""
    old = _offset(zone, before)
    low, high = before, after
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(zone, middle) == old else (low, middle)
    return high.replace(microsecond=0)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """Sort spans, and merge overlapping and adjacent ones."""
    merged: list[_Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _complement(spans: Sequence[_Span], window: Interval) -> Iterator[_Span]:
    """The parts of a window not covered by merged spans."""
    start = window.start
    for taken_from, taken_to in spans:
        end = min(taken_from, window.end)
        if start < end:
            yield start, end
        start = max(start, taken_to)
    if start < window.end:
        yield start, window.end


def _intersection(ours: Iterable[_Span], theirs: Iterable[_Span]) -> Iterator[_Span]:
    """The intersection of two ordered lists of disjoint spans, by one sweep over both."""
    left, right = iter(ours), iter(theirs)
    a, b = next(left, None), next(right, None)
    while a and b:
        start, end = max(a[0], b[0]), min(a[1], b[1])
        if start < end:
            yield start, end
        if a[1] <= b[1]:
            a = next(left, None)
        else:
            b = next(right, None)
