"""Busy times from free-busy responses and from events."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component, vPeriod

from tasks.interviews.people import Interval
from worker.adapters.calendars.dav import unreadable

_DAY = timedelta(days=1)
# The largest UTC offset of a zone, and one day for an all-day event there.
_REACH = timedelta(hours=14) + _DAY


def whole_days(window: Interval) -> Interval:
    """Return the whole UTC days that contain any all-day event that overlaps the window."""
    start = (window.start - _REACH).replace(hour=0, minute=0, second=0, microsecond=0)
    end = (window.end + _REACH + _DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    return Interval(start=start, end=end)


def has_whole_day(periods: Iterable[Interval]) -> bool:
    """Whether any of the periods covers a whole day of UTC.

    It may then be an all-day event: a server without the owner's time zone reports it from
    midnight to midnight in UTC.
    """
    for period in periods:
        midnight = period.start.replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight if midnight == period.start else midnight + _DAY
        if first + _DAY <= period.end:
            return True
    return False


def free_busy_periods(text: str) -> list[Interval]:
    """Parse the busy times of a response to a free-busy query.

    Two formats are supported: one VFREEBUSY with a FREEBUSY property for each period (RFC 4791),
    and one VFREEBUSY with DTSTART, DTEND and FBTYPE for each period (Radicale before 3.8).

    Raises:
        CalendarUnreadable: The response is malformed.
    """
    periods: list[Interval] = []
    try:
        for component in _calendar(text).walk("VFREEBUSY"):
            if "FBTYPE" in component and component["FBTYPE"] != "FREE":
                periods += _interval(component.decoded("DTSTART"), component.decoded("DTEND"), UTC)
            for period in _periods(component.get("FREEBUSY")):
                if period.params.get("FBTYPE", "BUSY") != "FREE":
                    periods += _interval(period.start, period.end, UTC)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise unreadable("REPORT", "with malformed free-busy times") from error
    return periods


def event_periods(
    texts: Iterable[str], window: Interval, zone: str, exclude: str
) -> list[Interval]:
    """Return the times of all busy events, with recurring events expanded.

    Args:
        texts: iCalendar objects.
        window: The window in which recurring events are expanded.
        zone: The time zone of all-day events and of times without a zone.
        exclude: The UID of an event to leave out.

    Raises:
        CalendarUnreadable: An event is malformed.
    """
    around = whole_days(window)
    local = ZoneInfo(zone)
    periods: list[Interval] = []
    try:
        for text in texts:
            found = recurring_ical_events.of(_calendar(text), skip_bad_series=False)
            for event in found.between(around.start, around.end):
                if event.get("UID") != exclude and _is_busy(event):
                    periods += _interval(event.start, event.end, local)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise unreadable("REPORT", "with a malformed event") from error
    return periods


def within(periods: Iterable[Interval], window: Interval) -> list[Interval]:
    """Return the periods that overlap the window."""
    return [period for period in periods if period.overlaps(window)]


def _calendar(text: str) -> Component:
    calendar = Calendar.from_ical(text)
    broken = [error for component in calendar.walk() for error in component.errors]
    if calendar.name != "VCALENDAR" or broken:
        raise ValueError("not an iCalendar object, or a broken one")
    return calendar


def _is_busy(event: Component) -> bool:
    cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
    transparent = str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    return not cancelled and not transparent


def _periods(value: vPeriod | list[vPeriod] | None) -> list[vPeriod]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _interval(start: date, end: date, zone: tzinfo) -> Iterator[Interval]:
    """Yield the span as an interval, unless it is empty."""
    first, last = _moment(start, zone), _moment(end, zone)
    if first < last:
        yield Interval(start=first, end=last)


def _moment(value: date, zone: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), zone)
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)
