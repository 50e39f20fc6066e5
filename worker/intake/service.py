"""Intake of interviews, the same for all producers: HTTP, command line, Kafka and Celery."""

import logging
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from monitoring.trace_context import continue_trace, current_traceparent
from tasks.clock import now
from tasks.context import bind
from tasks.errors import AlreadyExists, InvalidInput, NotFound, Transient
from tasks.interviews import transitions
from tasks.interviews.interview import (
    DEFAULT_TENANT,
    Audio,
    Interview,
    Source,
    Stage,
    Submission,
)
from tasks.ports import AudioStore, InterviewStore
from worker.ports import AudioProbe, CallbackUrlCheck, Dispatcher, DownloadLimits
from worker.settings.intake import IntakeSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intake:
    """Validates submissions, stores them, and queues their first stage.

    Attributes:
        probe: Examines a recording before it is stored.
        check_callback_url: Rejects callback URLs that point into the internal network.
        tenant: The tenant of the new interviews.
    """

    interviews: InterviewStore
    audio: AudioStore
    dispatcher: Dispatcher
    settings: IntakeSettings
    probe: AudioProbe
    check_callback_url: CallbackUrlCheck
    tenant: str = DEFAULT_TENANT

    def accept(
        self,
        submission: Submission,
        recording: Path,
        *,
        name: str,
        source: Source,
        interview_id: str | None = None,
    ) -> Interview:
        """Accept an interview. When this returns it is stored and queued.

        Args:
            submission: The submission.
            recording: A file with the recording; it is copied.
            name: The file name of the recording.
            source: The producer.
            interview_id: The id of the interview; a new one if None. Pass the same id when a
                request is retried after a crash, so that it creates no second interview.

        Raises:
            InvalidInput: The submission or the recording is invalid; nothing is stored.
            AlreadyExists: An interview with this id exists; it is not changed.
            Transient: The store is unavailable; it is unknown whether the interview is stored.
        """
        self.check(submission)
        if interview_id is not None:
            self._check_unknown(interview_id)
        moment = now()
        found = self.probe(recording, name=name, max_duration=self.settings.max_audio_seconds)
        _check_channels(submission, found)
        interview = Interview(
            **dict(submission),
            id=interview_id or str(uuid4()),
            tenant=self.tenant,
            source=source,
            audio=found,
            created_at=moment,
            updated_at=moment,
        )
        interview = self._store(interview, recording)
        bind(interview_id=interview.id)
        dispatch(self.dispatcher, interview, Stage.TRANSCRIBE)
        log.info("%s interview is queued", interview.type, extra={"interview_id": interview.id})
        return interview

    @property
    def download_limits(self) -> DownloadLimits:
        """The limits on downloads from an `audio_url`."""
        return {
            "max_bytes": self.settings.max_upload_bytes,
            "timeout": self.settings.audio_url_timeout,
            "allow_private": self.settings.audio_url_allow_private,
        }

    def check(self, submission: Submission) -> None:
        """Validate a submission as far as possible without its recording.

        Raises:
            InvalidInput: The submission is invalid.
        """
        moment = now()
        if submission.type not in self.settings.interview_types:
            known = ", ".join(self.settings.interview_types)
            raise InvalidInput(f"unknown type {submission.type!r}; known: {known}", pointer="/type")
        if submission.analyses and submission.consent is None and self.settings.consent_required:
            raise InvalidInput(
                "an analysis requires a consent record; without one, set `analyses` to []",
                pointer="/consent",
                code="consent_missing",
            )
        if submission.consent is not None and submission.consent.at > moment:
            raise InvalidInput("the consent is dated in the future", pointer="/consent/at")
        latest = submission.follow_up.latest
        if latest is not None and latest <= moment:
            raise InvalidInput(
                "the date is in the past", pointer="/follow_up/latest", code="past_date"
            )
        if submission.follow_up.window(moment) is None:
            raise InvalidInput(
                "notice, earliest and latest leave no time for a meeting", pointer="/follow_up"
            )
        if submission.callback_url is not None:
            self._check_callback(submission.callback_url)

    def _check_callback(self, url: str) -> None:
        if not self.settings.webhook_secrets:
            raise InvalidInput(
                "callbacks are disabled: WEBHOOK_SECRET is not set",
                pointer="/callback_url",
                code="callbacks_not_configured",
            )
        self.check_callback_url(url, allow_private=self.settings.callback_url_allow_private)

    def _store(self, interview: Interview, recording: Path) -> Interview:
        # The recording is stored first, so that no interview exists without one, not even while a
        # large recording is being copied. If the process dies or the database becomes unavailable
        # here, it is unknown whether the document was written; `worker.lifecycle.retention` later
        # removes recordings without an interview.
        with recording.open("rb") as stream:
            self.audio.save(interview.id, interview.audio.name, stream)
        trace = current_traceparent()
        queued = interview.model_copy(update={"message_at": now(), "traceparent": trace})
        self.interviews.create(queued, transitions.created(queued))
        return queued

    def _check_unknown(self, interview_id: str) -> None:
        try:
            self.interviews.tenant_of(interview_id)
        except NotFound:
            return
        raise AlreadyExists(f"interview {interview_id} already exists")


def dispatch(dispatcher: Dispatcher, interview: Interview, stage: Stage) -> None:
    """Publish the message of a stage, which the interview's document already records.

    If the broker is unavailable, the reconciler publishes it later.
    """
    try:
        with continue_trace(interview.traceparent):
            dispatcher.dispatch(interview.id, stage, interview.priority)
    except Transient as error:
        log.warning("the message of %s is left to the reconciler: %s", interview.id, error.message)


def _check_channels(submission: Submission, audio: Audio) -> None:
    if submission.channels is not None and audio.channels != 2:
        raise InvalidInput(
            f"`channels` names two speakers, but the recording has {audio.channels} channel(s)",
            pointer="/channels",
            code="wrong_channel_count",
        )
