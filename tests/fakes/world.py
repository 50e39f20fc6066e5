"""All stores as fakes, with the eraser of interviews."""

import io
from datetime import datetime

from tasks.clock import now
from tasks.errors import Erased
from tasks.interviews import transitions
from tasks.interviews.interview import BookingOutcome, Interview, Stage
from tasks.scheduling.booking import schedule
from tasks.scheduling.calendars import Calendars
from tests.fakes.audio import MemoryAudio
from tests.fakes.audit import MemoryAudit
from tests.fakes.calendar import MemoryCalendar
from tests.fakes.interviews import MemoryInterviews
from tests.fakes.reservations import MemoryReservations
from tests.samples import an_interview
from worker.lifecycle.erasure import Eraser
from worker.ports import Action, TrailQuery


class World:
    def __init__(self) -> None:
        self.interviews = MemoryInterviews()
        self.audio = MemoryAudio()
        self.calendar = MemoryCalendar()
        self.calendars = Calendars(self.calendar)
        self.reservations = MemoryReservations()
        self.trail = MemoryAudit()
        self.eraser = Eraser(
            self.interviews, self.audio, self.calendars, self.reservations, self.trail
        )

    def queued(self) -> Interview:
        interview = an_interview()
        self.interviews.create(interview, transitions.created(interview))
        self.audio.save(interview.id, "a.flac", io.BytesIO(b"sound"))
        return interview

    def begun(self, stage: Stage, interview: Interview) -> Interview:
        self.interviews.apply(interview.id, transitions.begin(stage, "run", now()))
        return self.interviews.get(interview.id)

    def done(self, stage: Stage, interview: Interview, at: datetime | None = None) -> Interview:
        running = self.begun(stage, interview)
        finished = transitions.finish(
            running, stage, "run", at or now(), provider=None, results={}, event_data={}
        )
        self.interviews.apply(interview.id, finished)
        return self.interviews.get(interview.id)

    def booked(self, at: datetime | None = None) -> Interview:
        """Store a completed interview, with its meeting in the calendars."""
        interview = self.done(Stage.ANALYSE, self.done(Stage.TRANSCRIBE, self.queued()))
        booking = schedule(interview, self.calendars, self.reservations, now())
        assert booking.outcome is BookingOutcome.BOOKED
        return self.done(Stage.SCHEDULE, interview, at)

    def events(self) -> list[str]:
        return [uid for events in self.calendar.events.values() for uid in events]

    def actions(self, interview_id: str) -> list[tuple[str, Action]]:
        found = self.trail.find(TrailQuery("default", interview_id=interview_id))
        return [(entry.who, entry.action) for entry in found]

    def is_gone(self, interview: Interview) -> bool:
        try:
            self.interviews.get(interview.id)
        except Erased:
            return True
        return False
