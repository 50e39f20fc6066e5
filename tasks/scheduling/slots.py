"""Finding times at which everybody can meet.

All reckoning is done on spans of UTC, sorted and merged; nothing steps through minutes. Working
hours are wall-clock times: a moment is within them when a clock on the wall of that zone shows a
time from their start to before their end. In the night when clocks go back, an hour that the wall
shows twice counts twice; in the night when they go forward, an hour it never shows does not count.

Meetings start on a grid of quarter hours of UTC. Every zone in use today is a multiple of a
quarter hour away from UTC, so they are quarter hours on the wall as well.
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
    """When somebody works.

    Attributes:
        hours: The hours and days, by the clock on the wall.
        zone: The name of the time zone that clock is in.
    """

    hours: WorkingHours
    zone: str


def common_time(
    people: Iterable[Availability], busy: Iterable[Interval], window: Interval, buffer: timedelta
) -> list[Interval]:
    """The spans in which a meeting of all these people can lie.

    Args:
        people: When each of them works.
        busy: When any of them is busy; to know all, look from `buffer` before the window to
            `buffer` after it.
        window: Where the meeting must lie.
        buffer: The free time to keep between the meeting and anything in `busy`. It may lie
            outside of working hours.

    Returns:
        Spans in their order, that neither overlap nor touch.
    """
    common = [(window.start, window.end)]
    for availability in set(people):
        common = list(_intersection(common, _working_times(availability, window)))
    taken = _merged((span.start - buffer, span.end + buffer) for span in busy)
    free = _intersection(common, _complement(taken, window))
    return [Interval(start=start, end=end) for start, end in free]


def slots(free: Iterable[Interval], duration: timedelta) -> Iterator[Interval]:
    """All meetings of one duration that fit into free spans, the earliest first.

    They overlap each other: they are the choices for one meeting.
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
    """The working hours of each day from start to end, for clocks that are `offset` from UTC."""
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
    """The window, cut at the moments when the zone's offset from UTC changes."""
    marks = [window.start]
    while marks[-1] < window.end:
        marks.append(min(marks[-1] + _DAY, window.end))
    start = window.start
    for before, after in pairwise(marks):
        if _offset(zone, before) != _offset(zone, after):
            change = _change(zone, before, after)
            yield (start, change), _offset(zone, before)
            start = change
    if start < window.end:
        yield (start, window.end), _offset(zone, start)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first whole second of the zone's new offset, by bisection."""
    old = _offset(zone, before)
    low, high = before, after
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(zone, middle) == old else (low, middle)
    return high.replace(microsecond=0)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """The same times in order, with overlapping and touching spans made one."""
    merged: list[_Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _complement(spans: Sequence[_Span], window: Interval) -> Iterator[_Span]:
    """What merged spans leave of a window."""
    start = window.start
    for taken_from, taken_to in spans:
        end = min(taken_from, window.end)
        if start < end:
            yield start, end
        start = max(start, taken_to)
    if start < window.end:
        yield start, window.end


def _intersection(ours: Iterable[_Span], theirs: Iterable[_Span]) -> Iterator[_Span]:
    """What two ordered lists of separate spans have in common, by one sweep over both."""
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
