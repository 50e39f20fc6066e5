"""Helpers that store finished interviews without running workers; they return ids."""

from datetime import timedelta

from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews import transitions
from tasks.interviews.interview import Booking, BookingOutcome, Stage
from tests.integration.test_api import analysed
from tests.samples import an_interview
from worker.adapters.mongo import MongoInterviews


def completed(store: MongoInterviews) -> str:
    """Store a completed interview with a transcript, a report and a booking."""
    interview = an_interview()
    store.create(interview, transitions.created(interview))
    analysed(store, interview.id)
    moment = now()
    store.apply(interview.id, transitions.begin(Stage.SCHEDULE, "run", moment))
    booking = Booking(
        outcome=BookingOutcome.BOOKED,
        uid=interview.id,
        start=moment + timedelta(days=2),
        end=moment + timedelta(days=2, hours=1),
        invitation="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
    )
    done = transitions.finish(
        store.get(interview.id),
        Stage.SCHEDULE,
        "run",
        moment,
        provider="x",
        results={"booking": booking},
        event_data={},
    )
    store.apply(interview.id, done)
    return interview.id


def failed(store: MongoInterviews) -> str:
    """Store an interview whose transcription failed."""
    interview = an_interview()
    store.create(interview, transitions.created(interview))
    store.apply(interview.id, transitions.begin(Stage.TRANSCRIBE, "run", now()))
    error = Permanent("there is no sound", code="no_sound")
    running = store.get(interview.id)
    store.apply(interview.id, transitions.fail(running, Stage.TRANSCRIBE, "run", error, now()))
    return interview.id
