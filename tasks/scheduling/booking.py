"""Booking the follow-up meeting of an interview.

The order of steps is what rules out double booking: look at the calendars, take the time in the
reservations, look at the calendars again, book. A reservation keeps off every other interview from
the second step on; the second look finds what people themselves have put there in between.

Every step may be repeated after a crash. An interview's reservation and event are known by its id,
do not stand in its own way, and are taken up again where the time still suits.

With several providers of calendars, the next one is asked only where nothing may be booked with
those before: a reservation names the provider, and is written before the event is. What it names is
asked first by all further attempts, and another one only once the event is surely gone. So there
is one event, with one provider, who moves and cancels it.
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
        interview: Whose follow-up meeting it is.
        calendars: Where people's calendars are.
        reservations: What keeps interviews from taking each other's time.
        now: The present moment.

    Returns:
        The booking, or the reason why there is none; then nothing is left reserved.

    Raises:
        Transient: A server is away, or others were faster again and again. What was reserved and
            booked until then stays, for the next attempt to take up or `unschedule` to undo.
        Unusable: No provider can be used.
        Permanent: The provider is gone with whom it is booked.
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
                # Who should have been asked will know; who stands in for them does not.
                break
            return booking
    raise failures.combined()


def unschedule(interview: Interview, calendars: Calendars, reservations: Reservations) -> None:
    """Undo a booking; where there is none, nothing changes.

    Not to be called while another run may be booking the same interview: it is one booking.

    Args:
        interview: Whose meeting it is.
        calendars: Where people's calendars are.
        reservations: What holds the meeting's time.

    Raises:
        Transient: A server is away. The time stays reserved until the event is gone.
        Permanent: The event cannot be removed.
    """
    bound = _booked_provider(interview, reservations)
    # Where nothing is known any more, it may be with any of them.
    providers = [calendars.get(bound)] if bound is not None else list(calendars)
    refusal: Permanent | None = None
    for provider in providers:
        try:
            provider.cancel(calendars_of(interview, provider), uid_of(interview.id))
        except InvalidInput as error:
            # With several providers, a calendar has a name that suits one of them.
            refusal = refusal or (error if len(providers) == 1 else None)
        except Permanent as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    reservations.release(interview.id)


def calendars_of(interview: Interview, calendar: CalendarProvider) -> tuple[str, ...]:
    """The calendars a meeting is booked in, each once.

    Raises:
        InvalidInput: A calendar cannot be one of this provider.
    """
    found = (calendar_of(person, interview, calendar) for _, person in people_of(interview))
    return tuple(dict.fromkeys(filter(None, found)))


def _booked_provider(interview: Interview, reservations: Reservations) -> str | None:
    """The provider with whom a meeting is booked, or may be."""
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
    """Whether nothing is left with a provider that failed, so that another may be asked."""
    hold = reservations.holding(interview.id)
    if hold is None:
        return True
    # What was asked for without an answer may still happen.
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
        # Another run of this interview may have moved the meeting meanwhile: then agree with it.
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
    raise Contention("another run of the interview moves its meeting")


def _roll_back(
    interview: Interview, calendar: CalendarProvider, reservations: Reservations
) -> None:
    """Remove what an attempt before has left, or this one where it could not book everywhere."""
    hold = reservations.holding(interview.id)
    if hold is None or hold.provider not in (None, calendar.name):
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
