"""The first stage: sound becomes words."""

import time
from collections.abc import Callable

from celery import shared_task

from tasks.interview import Stage
from tasks.stage import Outcome, Run, StageTask, execute, task_name

_PROGRESS_INTERVAL = 0.5
"""Seconds between two progress reports, each a write to the store."""


@shared_task(name=task_name(Stage.TRANSCRIBE), bind=True)
def transcribe(task: StageTask, interview_id: str) -> None:
    """Transcribe the recording of an interview."""
    execute(task, Stage.TRANSCRIBE, interview_id, _work)


def _work(run: Run) -> Outcome:
    interview, services = run.interview, run.services
    with services.audio.local_copy(interview.id) as recording:
        transcript = services.speech.transcribe(
            recording, interview.audio, interview.channels, _paced(run.progress)
        )
    return Outcome(
        results={"transcript": transcript},
        provider=transcript.provider,
        facts={
            "provider": transcript.provider,
            "language": transcript.language,
            "segments": len(transcript.segments),
            "audio_seconds": round(transcript.duration, 2),
        },
    )


def _paced(report: Callable[[float], None]) -> Callable[[float], None]:
    last = time.monotonic()

    def progress(percent: float) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_INTERVAL:
            last = time.monotonic()
            report(percent)

    return progress
