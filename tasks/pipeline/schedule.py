"""The scheduling stage: books the follow-up meeting."""

from functools import partial

from celery import shared_task

from tasks.clock import now
from tasks.interviews.interview import BookingOutcome, Stage
from tasks.pipeline.runner import Attempt, StageResult, execute, task_name
from tasks.scheduling.booking import schedule as book
from tasks.scheduling.booking import unschedule
from tasks.signals import SchedulingEnded, scheduling_ended, stopwatch


@shared_task(name=task_name(Stage.SCHEDULE))
def schedule(interview_id: str) -> None:
    """Book the follow-up meeting of an interview."""
    execute(Stage.SCHEDULE, interview_id, _work, _undo)


def _undo(attempt: Attempt) -> None:
    interview, services = attempt.interview, attempt.services
    # Every booking is preceded by a reservation.
    if services.reservations.holding(interview.id) is not None:
        unschedule(interview, services.calendars, services.reservations)


def _work(attempt: Attempt) -> StageResult:
    interview, services = attempt.interview, attempt.services
    calendars, reservations = services.calendars, services.reservations
    seconds = stopwatch()
    try:
        booking = book(interview, calendars, reservations, now())
    except Exception:
        scheduling_ended.send(SchedulingEnded("error", seconds()))
        raise
    booked = booking.outcome is BookingOutcome.BOOKED
    scheduling_ended.send(SchedulingEnded("success" if booked else "unscheduled", seconds()))
    undo = partial(unschedule, interview, calendars, reservations)
    return StageResult(
        results={"booking": booking},
        provider=booking.provider,
        event_data={"outcome": booking.outcome, "reason": booking.reason},
        undo=undo if booked else None,
    )
