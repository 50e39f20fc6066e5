"""The one door by which interviews come in, whoever brings them."""

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
from worker.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intake:
    """Checks what comes in, stores it, and sends it on its way.

    Attributes:
        probe: Examines a recording before it is stored.
        check_callback_url: Refuses callback URLs that lead inside.
        tenant: Whose interviews come in by this door.
    """

    interviews: InterviewStore
    audio: AudioStore
    dispatcher: Dispatcher
    settings: Settings
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
        """Take an interview in; when this returns it is stored and queued.

        Args:
            submission: What the producer says of it.
            recording: A file with the recording; it is copied.
            name: The recording's file name.
            source: The producer.
            interview_id: An id of the producer's choice, a new one else. Where a request may come
                again after a crash, with the same id it is taken up where it was left.

        Raises:
            InvalidInput: The submission or the recording cannot be used; nothing is stored.
            AlreadyExists: There is an interview with this id; nothing is changed.
            Transient: The store cannot be reached; whether the interview is stored is not known.
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
        """What an `audio_url` may ask for."""
        return {
            "max_bytes": self.settings.max_upload_bytes,
            "timeout": self.settings.audio_url_timeout,
            "allow_private": self.settings.audio_url_allow_private,
        }

    def check(self, submission: Submission) -> None:
        """Refuse what can be refused before the recording is looked at.

        Raises:
            InvalidInput: The submission cannot be used.
        """
        moment = now()
        if submission.type not in self.settings.interview_types:
            known = ", ".join(self.settings.interview_types)
            raise InvalidInput(f"unknown type {submission.type!r}; known: {known}", pointer="/type")
        if submission.analyses and submission.consent is None and self.settings.consent_required:
            raise InvalidInput(
                "an analysis needs a consent record; without one, ask for no analyses",
                pointer="/consent",
                code="consent_missing",
            )
        if submission.consent is not None and submission.consent.at > moment:
            raise InvalidInput("the consent lies in the future", pointer="/consent/at")
        latest = submission.follow_up.latest
        if latest is not None and latest <= moment:
            raise InvalidInput("this date is past", pointer="/follow_up/latest", code="past_date")
        if submission.follow_up.window(moment) is None:
            raise InvalidInput(
                "notice, earliest and latest leave no time to meet", pointer="/follow_up"
            )
        if submission.callback_url is not None:
            self._check_callback(submission.callback_url)

    def _check_callback(self, url: str) -> None:
        if not self.settings.webhook_secrets:
            raise InvalidInput(
                "there is no WEBHOOK_SECRET to sign callbacks with",
                pointer="/callback_url",
                code="callbacks_not_configured",
            )
        self.check_callback_url(url, allow_private=self.settings.callback_url_allow_private)

    def _store(self, interview: Interview, recording: Path) -> Interview:
        # The recording comes first, so that there is no interview without one, not even for as
        # long as a large recording takes. What is left of it by a process that dies here, or by a
        # database that goes away, is removed as belonging to nobody (`worker.lifecycle.retention`):
        # whether the document was written cannot be known then.
        with recording.open("rb") as stream:
            self.audio.save(interview.id, interview.audio.name, stream)
        trace = current_traceparent()
        on_its_way = interview.model_copy(update={"message_at": now(), "traceparent": trace})
        self.interviews.create(on_its_way, transitions.created(on_its_way))
        return on_its_way

    def _check_unknown(self, interview_id: str) -> None:
        try:
            self.interviews.tenant_of(interview_id)
        except NotFound:
            return
        raise AlreadyExists(f"interview {interview_id} exists already")


def dispatch(dispatcher: Dispatcher, interview: Interview, stage: Stage) -> None:
    """Publish the message of an interview that its document says is on its way.

    If the broker is away, the reconciler publishes it later.
    """
    try:
        with continue_trace(interview.traceparent):
            dispatcher.dispatch(interview.id, stage, interview.priority)
    except Transient as error:
        log.warning("the message of %s is left to the reconciler: %s", interview.id, error.message)


def _check_channels(submission: Submission, audio: Audio) -> None:
    if submission.channels is not None and audio.channels != 2:
        raise InvalidInput(
            f"channels names two speakers, but the recording has {audio.channels} channel(s)",
            pointer="/channels",
            code="wrong_channel_count",
        )
