"""The third stage: a follow-up meeting is booked."""

from functools import partial

from celery import shared_task

from tasks.booking import schedule as book
from tasks.booking import unschedule
from tasks.clock import now
from tasks.interview import Stage
from tasks.stage import Outcome, Run, StageTask, execute, task_name


@shared_task(name=task_name(Stage.SCHEDULE), bind=True)
def schedule(task: StageTask, interview_id: str) -> None:
    """Book the follow-up meeting of an interview."""
    execute(task, Stage.SCHEDULE, interview_id, _work)


def _work(run: Run) -> Outcome:
    interview, services = run.interview, run.services
    calendar, reservations = services.calendar, services.reservations
    booking = book(interview, calendar, reservations, now())
    return Outcome(
        results={"booking": booking},
        provider=calendar.name if booking.uid else None,
        facts={"outcome": booking.outcome, "reason": booking.reason},
        undo=partial(unschedule, interview.id, booking.calendars, calendar, reservations),
    )
