"""The third stage: a follow-up meeting is booked."""

from functools import partial

from celery import shared_task

from tasks.booking import schedule as book
from tasks.booking import unschedule
from tasks.clock import now
from tasks.interview import BookingOutcome, Stage
from tasks.signals import SchedulingEnded, scheduling_ended, stopwatch
from tasks.stage import Outcome, Run, execute, task_name


@shared_task(name=task_name(Stage.SCHEDULE))
def schedule(interview_id: str) -> None:
    """Book the follow-up meeting of an interview."""
    execute(Stage.SCHEDULE, interview_id, _work)


def _work(run: Run) -> Outcome:
    interview, services = run.interview, run.services
    calendar, reservations = services.calendar, services.reservations
    seconds = stopwatch()
    try:
        booking = book(interview, calendar, reservations, now())
    except Exception:
        scheduling_ended.send(SchedulingEnded("error", seconds()))
        raise
    status = "success" if booking.outcome is BookingOutcome.BOOKED else "unscheduled"
    scheduling_ended.send(SchedulingEnded(status, seconds()))
    return Outcome(
        results={"booking": booking},
        provider=calendar.name if booking.uid else None,
        facts={"outcome": booking.outcome, "reason": booking.reason},
        undo=partial(unschedule, interview.id, booking.calendars, calendar, reservations),
    )
