"""Booking the follow-up meeting of an interview.

The order of steps is what rules out double booking: look at the calendars, take the time in the
reservations, look at the calendars again, book. A reservation keeps off every other interview from
the second step on; the second look finds what people themselves have put there in between.

Every step may be repeated after a crash. An interview's reservation and event are known by its id,
do not stand in its own way, and are taken up again where the time still suits.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from tasks.errors import Permanent, Transient
from tasks.interview import Booking, BookingOutcome, Interview
from tasks.people import Interval
from tasks.ports import CalendarProvider, Meeting, Reservations
from tasks.search import (
    ATTEMPTS,
    Search,
    UnscheduledError,
    calendar_of,
    people_of,
    search_of,
    uid_of,
)


def schedule(
    interview: Interview, calendar: CalendarProvider, reservations: Reservations, now: datetime
) -> Booking:
    """Book the earliest meeting that suits everybody.

    Args:
        interview: Whose follow-up meeting it is.
        calendar: Where people's calendars are.
        reservations: What keeps interviews from taking each other's time.
        now: The present moment.

    Returns:
        The booking, or the reason why there is none; then nothing is left reserved.

    Raises:
        Transient: A server is away, or others were faster again and again. What was reserved and
            booked until then stays, for the next attempt to take up or `unschedule` to undo.
    """
    try:
        return _book(interview, search_of(interview, calendar, reservations, now))
    except UnscheduledError as error:
        _take_back(interview, calendar, reservations)
        return Booking(outcome=BookingOutcome.UNSCHEDULED, reason=error.reason, detail=error.detail)


def unschedule(
    interview_id: str,
    calendars: Sequence[str],
    calendar: CalendarProvider,
    reservations: Reservations,
) -> None:
    """Undo a booking; where there is none, nothing changes.

    Not to be called while another run may be booking the same interview: it is one booking.

    Args:
        interview_id: Whose meeting it is.
        calendars: The calendars that may hold it: those of the `Booking`, or of `calendars_of`.
        calendar: Where the calendars are.
        reservations: What holds the meeting's time.

    Raises:
        Transient: A server is away. The time stays reserved until the event is gone.
        Permanent: The event cannot be removed.
    """
    calendar.cancel(calendars, uid_of(interview_id))
    reservations.release(interview_id)


def calendars_of(interview: Interview, calendar: CalendarProvider) -> tuple[str, ...]:
    """The calendars a meeting is booked in, each once.

    Raises:
        InvalidInput: A calendar cannot be one of this provider.
    """
    found = (calendar_of(person, interview, calendar) for _, person in people_of(interview))
    return tuple(dict.fromkeys(filter(None, found)))


def _book(interview: Interview, search: Search) -> Booking:
    addresses = tuple(calendar.address for calendar in search.calendars)
    for _ in range(ATTEMPTS):
        hold = search.take()
        meeting = _meeting(interview, hold.interval)
        try:
            sequence = search.provider.book(addresses, meeting)
        except Permanent as error:
            raise UnscheduledError(error.code, error.message) from error
        # Another run of this interview may have moved the meeting meanwhile: then agree with it.
        if search.reservations.holding(search.holder) == hold:
            return Booking(
                outcome=BookingOutcome.BOOKED,
                uid=meeting.uid,
                start=meeting.interval.start,
                end=meeting.interval.end,
                time_zone=meeting.time_zone,
                attendees=tuple(person.email for person in meeting.attendees),
                calendars=addresses,
                invitation=search.provider.invitation(meeting, sequence),
            )
    raise Transient("another run of the interview moves its meeting", code="contention")


def _take_back(
    interview: Interview, calendar: CalendarProvider, reservations: Reservations
) -> None:
    """Remove what an attempt before has left, or this one where it could not book everywhere."""
    if reservations.holding(interview.id) is None:
        return
    # A calendar that refuses us is the reason already given; it cannot be cleaned up either.
    with suppress(Permanent):
        calendar.cancel(calendars_of(interview, calendar), uid_of(interview.id))
    reservations.release(interview.id)


def _meeting(interview: Interview, interval: Interval) -> Meeting:
    people = [*interview.interviewers, interview.candidate]
    by_address = {person.email.casefold(): person for person in reversed(people)}
    return Meeting(
        uid=uid_of(interview.id),
        interval=interval,
        time_zone=interview.time_zone,
        summary=f"Interview with {interview.candidate.name}",
        organizer=interview.interviewers[0],
        attendees=tuple(reversed(by_address.values())),
    )
