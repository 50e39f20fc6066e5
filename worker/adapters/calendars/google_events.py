"""Events as Google's interface has them.

https://developers.google.com/calendar/api/v3/reference/events
"""

import hashlib
from base64 import b32hexencode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from tasks.errors import CalendarUnreadable
from tasks.interviews.people import Interval
from tasks.ports import Meeting

Resource = Mapping[str, Any]

_NOT_BUSY = frozenset({"workingLocation", "birthday"})


@dataclass(frozen=True, slots=True)
class Stored:
    """Our event as it was found in a calendar.

    Attributes:
        id: Its id there.
        interval: When it is; None where it was taken out, which keeps the id from being used again.
        sequence: Its revision.
        etag: The version of the resource.
    """

    id: str
    interval: Interval | None
    sequence: int
    etag: str


def event_id(uid: str, number: int) -> str:
    """The id of the event of a UID, of the letters that are allowed (RFC 2938's base32hex).

    Args:
        uid: The UID.
        number: How many events of this UID were taken out of the calendar before.
    """
    digest = hashlib.sha256(uid.encode()).digest()
    return f"{b32hexencode(digest).decode().rstrip('=').lower()}{number:04d}"


def resource_of(meeting: Meeting, sequence: int, name: str) -> dict[str, Any]:
    """The meeting as it is put into calendars.

    People are named in the description and are no attendees: we put the event into each calendar
    and invite people ourselves, and Google would do the same again.
    """
    people = "\n".join(f"{one.name} <{one.email}>" for one in meeting.attendees)
    return {
        "id": name,
        "summary": meeting.summary,
        "description": people,
        "start": _moment(meeting.interval.start, meeting.time_zone),
        "end": _moment(meeting.interval.end, meeting.time_zone),
        "sequence": sequence,
        "status": "confirmed",
        "transparency": "opaque",
        "extendedProperties": {"private": {"uid": meeting.uid}},
    }


def read(resource: Resource) -> Stored:
    """Our event, out of what is stored under its id.

    Raises:
        CalendarUnreadable: It is nothing that can be read.
    """
    gone = resource.get("status") == "cancelled"
    try:
        return Stored(
            id=resource["id"],
            interval=None if gone else interval_of(resource, "UTC"),
            sequence=int(resource.get("sequence", 0)),
            etag=str(resource.get("etag", "*")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CalendarUnreadable("something else is stored in the place of our event") from error


def busy_spans(resources: Iterable[Resource], zone: str, exclude: str) -> Iterator[Interval]:
    """When events make their owner busy.

    Args:
        resources: Single events, recurring ones expanded.
        zone: The zone of all-day events.
        exclude: The id of an event that does not count.
    """
    for resource in resources:
        if resource["id"] != exclude and _is_busy(resource):
            yield interval_of(resource, zone)


def interval_of(resource: Resource, zone: str) -> Interval:
    """When an event is."""
    return Interval(start=_read(resource["start"], zone), end=_read(resource["end"], zone))


def span_of(period: Resource) -> Interval:
    """A busy time of a free-busy answer."""
    return Interval(
        start=datetime.fromisoformat(period["start"]), end=datetime.fromisoformat(period["end"])
    )


def _is_busy(resource: Resource) -> bool:
    declined = any(
        one.get("self") and one.get("responseStatus") == "declined"
        for one in resource.get("attendees", ())
    )
    return not (
        declined
        or resource.get("status") == "cancelled"
        or resource.get("transparency") == "transparent"
        or resource.get("eventType") in _NOT_BUSY
    )


def _moment(moment: datetime, zone: str) -> dict[str, str]:
    return {"dateTime": moment.isoformat(), "timeZone": zone}


def _read(moment: Resource, zone: str) -> datetime:
    if "dateTime" in moment:
        return datetime.fromisoformat(moment["dateTime"])
    return datetime.combine(date.fromisoformat(moment["date"]), time(), ZoneInfo(zone))
