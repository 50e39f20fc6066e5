"""What the stages announce."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from tasks import signals
from tasks.interviews.interview import Status
from tasks.signals import (
    AnalysisEnded,
    AnalysisScored,
    Attempt,
    AttemptEnded,
    AttemptLost,
    InterviewEnded,
    Resumed,
    SchedulingEnded,
    TranscriptionEnded,
    TranscriptionRecovered,
)

_STATUSES = {Status.COMPLETED: "success", Status.FAILED: "failed", Status.CANCELLED: "cancelled"}

_LOST = "lost"
"""The reason of retries whose attempt left no error."""


@contextmanager
def listening(recorder: Recorder) -> Iterator[None]:
    """Count what stages announce, for as long as the context lasts."""
    listener = _Stages(recorder)
    with ExitStack() as stack:
        stack.enter_context(signals.interview_ended.heard_by(listener.interview_ended))
        stack.enter_context(signals.attempt_ended.heard_by(listener.attempt_ended))
        stack.enter_context(signals.attempt_lost.heard_by(listener.attempt_lost))
        stack.enter_context(signals.resumed.heard_by(listener.resumed))
        stack.enter_context(signals.transcription_ended.heard_by(listener.transcription_ended))
        stack.enter_context(
            signals.transcription_recovered.heard_by(listener.transcription_recovered)
        )
        stack.enter_context(signals.analysis_ended.heard_by(listener.analysis_ended))
        stack.enter_context(signals.analysis_scored.heard_by(listener.analysis_scored))
        stack.enter_context(signals.scheduling_ended.heard_by(listener.scheduling_ended))
        yield


class _Stages:
    def __init__(self, recorder: Recorder) -> None:
        self._count = recorder.count
        self._observe = recorder.observe

    def interview_ended(self, fact: InterviewEnded) -> None:
        status = _STATUSES[fact.status]
        self._observe(metrics.INTERVIEW_DURATION, fact.seconds, status, fact.type)

    def attempt_ended(self, fact: AttemptEnded) -> None:
        self._observe(metrics.STAGE_DURATION, fact.seconds, fact.stage, fact.outcome)
        if fact.outcome is Attempt.RETRY and fact.reason is not None:
            self._count(metrics.STAGE_RETRIES, fact.stage, fact.reason)

    def attempt_lost(self, fact: AttemptLost) -> None:
        self._count(metrics.STAGE_RETRIES, fact.stage, _LOST)

    def resumed(self, fact: Resumed) -> None:
        self._count(metrics.RESUMED, fact.stage, fact.reason)

    def transcription_ended(self, fact: TranscriptionEnded) -> None:
        provider = fact.provider
        self._count(metrics.TRANSCRIPTIONS, provider, fact.status)
        self._observe(metrics.TRANSCRIPTION_DURATION, fact.seconds, provider)
        if fact.transcript is None:
            return
        duration = fact.transcript.duration
        self._count(metrics.TRANSCRIPTION_AUDIO, provider, "batch", amount=duration)
        if duration:
            factor = fact.seconds / duration
            self._observe(metrics.TRANSCRIPTION_REAL_TIME_FACTOR, factor, provider)
        if fact.transcript.confidence is not None:
            confidence = fact.transcript.confidence
            self._observe(metrics.TRANSCRIPTION_CONFIDENCE, confidence, provider)
        self._heard(fact)

    def transcription_recovered(self, fact: TranscriptionRecovered) -> None:
        self._count(metrics.TRANSCRIPTION_RECOVERIES, fact.provider)

    def analysis_ended(self, fact: AnalysisEnded) -> None:
        status = "success" if fact.call else "error"
        self._count(metrics.ANALYSES, fact.type, fact.provider, status)
        self._observe(metrics.ANALYSIS_DURATION, fact.seconds, fact.type, fact.provider)

    def analysis_scored(self, fact: AnalysisScored) -> None:
        self._observe(metrics.ANALYSIS_CONFIDENCE, fact.confidence, fact.type)

    def scheduling_ended(self, fact: SchedulingEnded) -> None:
        self._count(metrics.SCHEDULINGS, fact.status)
        self._observe(metrics.SCHEDULING_DURATION, fact.seconds)

    def _heard(self, fact: TranscriptionEnded) -> None:
        quality = fact.audio.quality
        if quality.snr_db is not None:
            self._observe(metrics.AUDIO_SNR, quality.snr_db)
        self._observe(metrics.AUDIO_SILENCE, quality.silence_ratio)
        self._observe(metrics.AUDIO_CLIPPING, quality.clipping_ratio)
