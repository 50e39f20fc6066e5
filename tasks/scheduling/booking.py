"""Booking of an interview's follow-up meeting.

The order of steps prevents double booking: read the calendars, reserve the slot, read the calendars
again, book. From the second step on the reservation excludes all other interviews; the second read
finds events that people added in between.

Every step may be repeated after a crash. An interview's reservation and event are identified by its
id, are ignored as conflicts with itself, and are reused if the time still suits.

With several calendar providers, the next one is tried only if nothing can be booked with the
previous ones. A reservation names the provider and is written before the event. Later attempts try
that provider first, and another one only once the event is known to be gone. So there is one event,
with one provider, which moves and cancels it.
"""

from contextlib import suppress
from datetime import datetime

from tasks.errors import (
    CalendarUnreadable,
    InterviewWorkerError,
    InvalidInput,
    Permanent,
    Transient,
    Unusable,
)
from tasks.interviews.interview import Booking, BookingOutcome, Interview, Stage
from tasks.interviews.people import Interval
from tasks.lease import check_lease
from tasks.ports import CalendarProvider, Meeting, Reservations
from tasks.providers.chain import ProviderFailures
from tasks.scheduling.calendars import Calendars
from tasks.scheduling.search import (
    ATTEMPTS,
    Contention,
    Search,
    UnscheduledError,
    calendar_of,
    people_of,
    search_of,
    uid_of,
)


def schedule(
    interview: Interview, calendars: Calendars, reservations: Reservations, now: datetime
) -> Booking:
    """Book the earliest meeting that suits everybody.

    Args:
        interview: The interview.
        calendars: The calendar providers.
        reservations: The reservations of all interviews.
        now: The current time.

    Returns:
        The booking, or the reason why there is none; in that case nothing stays reserved.

    Raises:
        Transient: A server is unavailable, or other interviews took each slot first. Reservation
            and event are kept, for the next attempt to reuse or `unschedule` to undo.
        Unusable: No provider can be used.
        Permanent: The provider of the existing booking is no longer configured.
    """
    failures = ProviderFailures(Stage.SCHEDULE)
    for provider in calendars.preferring(_booked_provider(interview, reservations)):
        check_lease()
        failures.announce_fallback(provider.name)
        try:
            booking = _schedule(interview, provider, reservations, now)
        except Contention:
            raise
        except (Transient, Unusable) as error:
            failures.add(provider.name, error)
            if not _is_released(error, interview, provider, reservations):
                break
        else:
            if booking.reason == CalendarUnreadable.code and failures.any_transient:
                # The preferred provider, now unavailable, may be able to read what its fallback
                # cannot.
                break
            return booking
    raise failures.combined()


def unschedule(interview: Interview, calendars: Calendars, reservations: Reservations) -> None:
    """Undo a booking; does nothing if there is none.

    Must not be called while another run may be booking the same interview, because both use the
    same booking.

    Args:
        interview: The interview.
        calendars: The calendar providers.
        reservations: The reservations of all interviews.

    Raises:
        Transient: A server is unavailable. The time stays reserved until the event is gone.
        Permanent: The event cannot be removed.
    """
    bound = _booked_provider(interview, reservations)
    # Without a record, the event may be with any provider.
    providers = [calendars.get(bound)] if bound is not None else list(calendars)
    refusal: Permanent | None = None
    for provider in providers:
        try:
            provider.cancel(calendars_of(interview, provider), uid_of(interview.id))
        except InvalidInput as error:
            # With several providers, a calendar's address is valid for one of them only.
            refusal = refusal or (error if len(providers) == 1 else None)
        except Permanent as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    reservations.release(interview.id)


def calendars_of(interview: Interview, calendar: CalendarProvider) -> tuple[str, ...]:
    """The calendars in which a meeting is booked, without duplicates.

    Raises:
        InvalidInput: A calendar's address is not valid for this provider.
    """
    found = (calendar_of(person, interview, calendar) for _, person in people_of(interview))
    return tuple(dict.fromkeys(filter(None, found)))


def _booked_provider(interview: Interview, reservations: Reservations) -> str | None:
    """The provider with which a meeting is, or may be, booked."""
    if interview.booking is not None and interview.booking.provider is not None:
        return interview.booking.provider
    hold = reservations.holding(interview.id)
    return None if hold is None else hold.provider


def _schedule(
    interview: Interview, calendar: CalendarProvider, reservations: Reservations, now: datetime
) -> Booking:
    try:
        return _book(interview, search_of(interview, calendar, reservations, now))
    except UnscheduledError as error:
        _roll_back(interview, calendar, reservations)
        return Booking(outcome=BookingOutcome.UNSCHEDULED, reason=error.reason, detail=error.detail)


def _is_released(
    error: InterviewWorkerError,
    interview: Interview,
    calendar: CalendarProvider,
    reservations: Reservations,
) -> bool:
    """Whether nothing remains with a failed provider, so that another may be tried."""
    hold = reservations.holding(interview.id)
    if hold is None:
        return True
    # A request that got no answer may still take effect.
    if isinstance(error, Transient) or hold.provider != calendar.name:
        return False
    try:
        calendar.cancel(calendars_of(interview, calendar), uid_of(interview.id))
    except (Transient, Permanent):
        return False
    reservations.release(interview.id)
    return True


def _book(interview: Interview, search: Search) -> Booking:
    addresses = tuple(calendar.address for calendar in search.calendars)
    for _ in range(ATTEMPTS):
        hold = search.reserve_slot()
        meeting = _meeting(interview, hold.interval)
        try:
            sequence = search.provider.book(addresses, meeting)
        except Unusable:
            raise
        except Permanent as error:
            raise UnscheduledError(error.code, error.message) from error
        # Another run of this interview may have moved the meeting in the meantime; if so, follow
        # it.
        held = search.reservations.holding(search.holder)
        if held == hold:
            return Booking(
                outcome=BookingOutcome.BOOKED,
                uid=meeting.uid,
                start=meeting.interval.start,
                end=meeting.interval.end,
                time_zone=meeting.time_zone,
                attendees=tuple(person.email for person in meeting.attendees),
                calendars=addresses,
                provider=search.provider.name,
                invitation=search.provider.invitation(meeting, sequence),
            )
        if held is not None and held.provider != hold.provider:
            search.provider.cancel(addresses, meeting.uid)
    raise Contention("another run of the interview is moving its meeting")


def _roll_back(
    interview: Interview, calendar: CalendarProvider, reservations: Reservations
) -> None:
    """Remove events and reservation of an earlier attempt, or of this one if it failed halfway."""
    hold = reservations.holding(interview.id)
    if hold is None or hold.provider not in (None, calendar.name):
        return
    # The calendar's refusal is already the reported reason; it prevents the clean-up too.
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
