"""Metrics of the pipeline's stages."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from tasks import signals
from tasks.interviews.interview import Status
from tasks.signals import (
    AnalysisEnded,
    AnalysisScored,
    AttemptEnded,
    AttemptLost,
    AttemptOutcome,
    InterviewEnded,
    Resumed,
    SchedulingEnded,
    TranscriptionEnded,
    TranscriptionRecovered,
)

_STATUSES = {Status.COMPLETED: "success", Status.FAILED: "failed", Status.CANCELLED: "cancelled"}

_LOST = "lost"
"""The reason of a retry whose previous attempt left no error."""


@contextmanager
def connected(recorder: Recorder) -> Iterator[None]:
    """Record stage signals for the duration of the context."""
    listener = _Stages(recorder)
    with ExitStack() as stack:
        stack.enter_context(signals.interview_ended.connected(listener.interview_ended))
        stack.enter_context(signals.attempt_ended.connected(listener.attempt_ended))
        stack.enter_context(signals.attempt_lost.connected(listener.attempt_lost))
        stack.enter_context(signals.resumed.connected(listener.resumed))
        stack.enter_context(signals.transcription_ended.connected(listener.transcription_ended))
        stack.enter_context(
            signals.transcription_recovered.connected(listener.transcription_recovered)
        )
        stack.enter_context(signals.analysis_ended.connected(listener.analysis_ended))
        stack.enter_context(signals.analysis_scored.connected(listener.analysis_scored))
        stack.enter_context(signals.scheduling_ended.connected(listener.scheduling_ended))
        yield


class _Stages:
    def __init__(self, recorder: Recorder) -> None:
        self._count = recorder.count
        self._observe = recorder.observe

    def interview_ended(self, event: InterviewEnded) -> None:
        status = _STATUSES[event.status]
        self._observe(metrics.INTERVIEW_DURATION, event.seconds, status, event.type)

    def attempt_ended(self, event: AttemptEnded) -> None:
        self._observe(metrics.STAGE_DURATION, event.seconds, event.stage, event.outcome)
        if event.outcome is AttemptOutcome.RETRY and event.reason is not None:
            self._count(metrics.STAGE_RETRIES, event.stage, event.reason)

    def attempt_lost(self, event: AttemptLost) -> None:
        self._count(metrics.STAGE_RETRIES, event.stage, _LOST)

    def resumed(self, event: Resumed) -> None:
        self._count(metrics.RESUMED, event.stage, event.reason)

    def transcription_ended(self, event: TranscriptionEnded) -> None:
        provider = event.provider
        self._count(metrics.TRANSCRIPTIONS, provider, event.status)
        self._observe(metrics.TRANSCRIPTION_DURATION, event.seconds, provider)
        if event.transcript is None:
            return
        duration = event.transcript.duration
        self._count(metrics.TRANSCRIPTION_AUDIO, provider, "batch", amount=duration)
        if duration:
            factor = event.seconds / duration
            self._observe(metrics.TRANSCRIPTION_REAL_TIME_FACTOR, factor, provider)
        if event.transcript.confidence is not None:
            confidence = event.transcript.confidence
            self._observe(metrics.TRANSCRIPTION_CONFIDENCE, confidence, provider)
        self._observe_audio(event)

    def transcription_recovered(self, event: TranscriptionRecovered) -> None:
        self._count(metrics.TRANSCRIPTION_RECOVERIES, event.provider)

    def analysis_ended(self, event: AnalysisEnded) -> None:
        status = "success" if event.call else "error"
        self._count(metrics.ANALYSES, event.type, event.provider, status)
        self._observe(metrics.ANALYSIS_DURATION, event.seconds, event.type, event.provider)

    def analysis_scored(self, event: AnalysisScored) -> None:
        self._observe(metrics.ANALYSIS_CONFIDENCE, event.confidence, event.type)

    def scheduling_ended(self, event: SchedulingEnded) -> None:
        self._count(metrics.SCHEDULINGS, event.status)
        self._observe(metrics.SCHEDULING_DURATION, event.seconds)

    def _observe_audio(self, event: TranscriptionEnded) -> None:
        quality = event.audio.quality
        if quality.snr_db is not None:
            self._observe(metrics.AUDIO_SNR, quality.snr_db)
        self._observe(metrics.AUDIO_SILENCE, quality.silence_ratio)
        self._observe(metrics.AUDIO_CLIPPING, quality.clipping_ratio)
