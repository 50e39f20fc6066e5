"""Conversion of meetings to and from Google's event resources.

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
    """An event of this service, as stored in a calendar.

    Attributes:
        id: Its id at Google.
        interval: Its time; None if it was deleted, after which the id cannot be used again.
        sequence: Its revision.
        etag: The version of the resource.
    """

    id: str
    interval: Interval | None
    sequence: int
    etag: str


def event_id(uid: str, number: int) -> str:
    """Return the event id for a UID, in the allowed alphabet (base32hex, RFC 2938).

    Args:
        uid: The UID.
        number: How many events with this UID were deleted before.
    """
    digest = hashlib.sha256(uid.encode()).digest()
    return f"{b32hexencode(digest).decode().rstrip('=').lower()}{number:04d}"


def resource_of(meeting: Meeting, sequence: int, name: str) -> dict[str, Any]:
    """Return the event resource of a meeting.

    People are named in the description instead of as attendees: this service adds the event to
    each calendar and sends the invitations itself, and Google would do both again.
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
    """Parse the resource stored under the id of an event.

    Raises:
        CalendarUnreadable: It cannot be parsed.
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
        raise CalendarUnreadable("the stored event cannot be parsed") from error


def busy_spans(resources: Iterable[Resource], zone: str, exclude: str) -> Iterator[Interval]:
    """Yield the times at which events make their owner busy.

    Args:
        resources: Single events, recurring ones expanded.
        zone: The zone of all-day events.
        exclude: The id of an event to ignore.
    """
    for resource in resources:
        if resource["id"] != exclude and _is_busy(resource):
            yield interval_of(resource, zone)


def interval_of(resource: Resource, zone: str) -> Interval:
    """Return the time of an event."""
    return Interval(start=_read(resource["start"], zone), end=_read(resource["end"], zone))


def span_of(period: Resource) -> Interval:
    """Parse a busy period of a free-busy response."""
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
