"""The transcription stage: turns the recording into a transcript."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from celery import shared_task

from tasks.errors import NotFound, Permanent
from tasks.interviews.interview import Stage
from tasks.interviews.transcript import Transcript
from tasks.pipeline.runner import Attempt, StageResult, execute, task_name
from tasks.signals import TranscriptionRecovered, transcription_recovered

_PROGRESS_INTERVAL = 0.5
"""Seconds between progress reports, each of which writes to the store."""


@shared_task(name=task_name(Stage.TRANSCRIBE))
def transcribe(interview_id: str) -> None:
    """Transcribe the recording of an interview."""
    execute(Stage.TRANSCRIBE, interview_id, _work)


def _work(attempt: Attempt) -> StageResult:
    with _recording(attempt) as recording:
        transcript = _listen(attempt, recording)
    return StageResult(
        results={"transcript": transcript},
        provider=transcript.provider,
        event_data={
            "provider": transcript.provider,
            "language": transcript.language,
            "segments": len(transcript.segments),
            "audio_seconds": round(transcript.duration, 2),
        },
    )


@contextmanager
def _recording(attempt: Attempt) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            recording = stack.enter_context(attempt.services.audio.local_copy(attempt.interview.id))
        except NotFound as error:
            raise Permanent("the interview has no recording", code="audio_missing") from error
        yield recording


def _listen(attempt: Attempt, recording: Path) -> Transcript:
    interview = attempt.interview
    transcript = attempt.services.speech.transcribe(
        recording, interview.audio, interview.channels, _paced(attempt.progress)
    )
    if attempt.number > 1 or transcript.fallback_from is not None:
        transcription_recovered.send(TranscriptionRecovered(transcript.provider))
    return transcript


def _paced(report: Callable[[float], None]) -> Callable[[float], None]:
    last = time.monotonic()

    def progress(percent: float) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_INTERVAL:
            last = time.monotonic()
            report(percent)

    return progress
