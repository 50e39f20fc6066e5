"""The real worker with fast fake providers, whose processes crash as planned."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from celery import current_task
from celery.signals import after_task_publish, task_postrun, task_prerun, worker_process_init

from tasks.interviews.interview import Audio, Channels, Stage
from tasks.interviews.transcript import Transcript
from tasks.interviews.transitions import Change
from tasks.pipeline import services
from tasks.ports import InterviewStore, Progress
from tasks.providers.language import LanguageProviders
from tests.chaos.deaths import Boundary, Deaths
from tests.fakes.language import FakeLanguage
from tests.samples import true_transcript
from worker.celery_app.worker import run_worker
from worker.settings import load_settings

DEATHS = Deaths(Path(sys.argv[1]))
_SPOKEN = true_transcript("technical", speakers=False)
_WORK = 0.2
"""Seconds that a transcription takes, so that faults hit running ones."""


class Speech:
    """Returns a fixed transcript."""

    name = "instant"

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        del recording, channels, progress
        time.sleep(_WORK)
        return _SPOKEN.model_copy(update={"duration": audio.duration})


class DoomedStore:
    """A store that may crash the process right after an attempt began or stored its result."""

    def __init__(self, store: InterviewStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def apply(self, interview_id: str, change: Change) -> None:
        self._store.apply(interview_id, change)
        for stage in Stage:
            if f"stages.{stage}.started_at" in change.values:
                DEATHS.meet(Boundary.MID_WORK, stage, interview_id)
            if f"stages.{stage}.finished_at" in change.values:
                DEATHS.meet(Boundary.AFTER_RESULT, stage, interview_id)


def meeting(boundary: Boundary) -> Callable[..., None]:
    """A receiver of Celery signals that reaches a boundary of the running task."""

    def meet(**_: Any) -> None:
        task: Any = current_task
        if task and task.name.startswith("interviews.") and task.request.args:
            stage = Stage(task.name.partition(".")[2])
            DEATHS.meet(boundary, stage, str(task.request.args[0]))

    return meet


@worker_process_init.connect
def _replace_providers(**_: Any) -> None:
    given = services.current()
    store: Any = DoomedStore(given.interviews)
    services.provide(
        replace(
            given, interviews=store, speech=Speech(), language=LanguageProviders([FakeLanguage()])
        )
    )


if __name__ == "__main__":
    task_prerun.connect(meeting(Boundary.BEFORE_CLAIM), weak=False)
    after_task_publish.connect(meeting(Boundary.AFTER_PUBLISH), weak=False)
    task_postrun.connect(meeting(Boundary.BEFORE_ACK), weak=False)
    run_worker(load_settings(), queues=(), concurrency=2, name="doomed", events=False)
