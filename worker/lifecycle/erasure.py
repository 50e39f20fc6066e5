"""Erasure of interviews, on request and at the end of the retention period."""

import logging
from dataclasses import dataclass
from datetime import datetime

from tasks.clock import now
from tasks.errors import Erased, Permanent
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Stage
from tasks.ports import AudioStore, InterviewStore, Reservations
from tasks.scheduling.booking import unschedule
from tasks.scheduling.calendars import Calendars
from worker.lifecycle.operations import cancel
from worker.ports import Action, Actor, AuditTrail
from worker.security.audit import record

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases interviews: booking, audio, transcript, analysis and personal data."""

    interviews: InterviewStore
    audio: AudioStore
    calendars: Calendars
    reservations: Reservations
    trail: AuditTrail

    def erase(self, interview_id: str, actor: Actor) -> None:
        """Erase an interview. If it has not finished, it is cancelled first.

        After a failure, a second call erases the rest.

        Raises:
            NotFound: The interview never existed.
            Transient: A server is unavailable, or the audit entry cannot be stored.
        """
        try:
            interview = self.interviews.get(interview_id)
        except Erased:
            return
        record(self.trail, actor, Action.ERASE, interview_id)
        if not interview.status.final:
            interview = cancel(self.interviews, interview_id)
        self._erase(interview)

    def erase_expired(self, interview_id: str, before: datetime, actor: Actor) -> None:
        """Erase an interview if it finished before the given time.

        Raises the same errors as `erase`.
        """
        try:
            interview = self.interviews.get(interview_id)
        except Erased:
            return
        # It may have been retried since it was found.
        if interview.finished_at is None or interview.finished_at >= before:
            return
        record(self.trail, actor, Action.ERASE, interview_id)
        self._erase(interview)

    def _erase(self, interview: Interview) -> None:
        self.interviews.apply(interview.id, transitions.begin_erasure(interview, now()))
        if _may_be_booked(interview):
            self._unschedule(interview)
        self.audio.delete(interview.id)
        self.interviews.erase(interview.id, now())
        log.info("interview %s is erased", interview.id)

    def _unschedule(self, interview: Interview) -> None:
        try:
            unschedule(interview, self.calendars, self.reservations)
        except Permanent as error:
            # A calendar that rejects the request must not prevent the rest of the erasure.
            log.error("the booking of %s could not be deleted: %s", interview.id, error.message)  # noqa: TRY400
            self.reservations.release(interview.id)


def _may_be_booked(interview: Interview) -> bool:
    # A retry resets the attempts of the stage that failed.
    retried = interview.rounds > 1 and interview.stages[Stage.ANALYSE].finished_at is not None
    return retried or interview.stages[Stage.SCHEDULE].attempts > 0
