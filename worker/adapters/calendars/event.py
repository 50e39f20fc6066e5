"""The meeting as an iCalendar event (RFC 5545), in calendars and in invitations (RFC 5546)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress

from tasks.errors import CalendarUnreadable
from tasks.interviews.people import Interval, Person
from tasks.ports import Meeting


@dataclass(frozen=True, slots=True)
class Stored:
    """Our event, as stored in a calendar.

    Attributes:
        interval: The time of the event.
        sequence: Its revision.
        etag: The version of the resource.
    """

    interval: Interval
    sequence: int
    etag: str | None


def calendar_object(meeting: Meeting, sequence: int) -> str:
    """Return the meeting as a calendar object.

    It has no METHOD (RFC 4791, 4.1). SCHEDULE-AGENT (RFC 6638, 7.1) keeps the server from sending
    invitations and from adding the event to other calendars, since this service does both.
    """
    return _text(_calendar(meeting, sequence, {"SCHEDULE-AGENT": "CLIENT"}))


def request(meeting: Meeting, sequence: int) -> str:
    """Return the meeting as an iTIP REQUEST."""
    calendar = _calendar(meeting, sequence, {})
    calendar.add("method", "REQUEST")
    return _text(calendar)


def read(text: str, uid: str, etag: str | None) -> Stored:
    """Parse our event from its calendar object.

    Raises:
        CalendarUnreadable: The object is malformed, or has no event with this UID.
    """
    try:
        (event,) = (e for e in Calendar.from_ical(text).events if e["UID"] == uid)
        interval = Interval(start=event.start, end=event.end)
        return Stored(interval, int(event.get("SEQUENCE", 0)), etag)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        message = "the stored event cannot be parsed"
        raise CalendarUnreadable(message) from error


def _calendar(meeting: Meeting, sequence: int, agent: dict[str, str]) -> Calendar:
    event = Event()
    event.add("uid", meeting.uid)
    event.add("dtstamp", datetime.now(UTC))
    event.add("sequence", sequence)
    # UTC is unambiguous in the night when clocks go back.
    event.add("dtstart", meeting.interval.start)
    event.add("dtend", meeting.interval.end)
    event.add("summary", _line(meeting.summary))
    event.add("description", _local_time(meeting))
    event.add("status", "CONFIRMED")
    event.add("transp", "OPAQUE")
    event.add("organizer", _address(meeting.organizer, agent))
    for person in meeting.attendees:
        organizes = person.email == meeting.organizer.email
        answer = {"PARTSTAT": "ACCEPTED" if organizes else "NEEDS-ACTION"}
        role = {"ROLE": "REQ-PARTICIPANT", "RSVP": "FALSE" if organizes else "TRUE"}
        event.add("attendee", _address(person, {**answer, **role, **agent}))
    calendar = Calendar()
    calendar.add("prodid", "-//Interview Worker//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return calendar


def _text(calendar: Calendar) -> str:
    text: bytes = calendar.to_ical()
    return text.decode()


def _address(person: Person, parameters: dict[str, str]) -> vCalAddress:
    address = vCalAddress(f"mailto:{quote(person.email, safe='@+')}")
    address.params.update({"CN": _line(person.name), **parameters})
    return address


def _line(text: str) -> str:
    """Return the text as one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _local_time(meeting: Meeting) -> str:
    start, end = (
        moment.astimezone(ZoneInfo(meeting.time_zone))
        for moment in (meeting.interval.start, meeting.interval.end)
    )
    return f"{start:%Y-%m-%d %H:%M}-{end:%H:%M} ({meeting.time_zone})"
