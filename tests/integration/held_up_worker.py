"""The real worker, whose transcriptions block until a file exists."""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from celery.signals import worker_process_init

from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Transcript
from tasks.pipeline import services
from tasks.ports import Progress
from tasks.providers.language import LanguageProviders
from tests.fakes.language import FakeLanguage
from tests.samples import true_transcript
from worker.celery_app.worker import run_worker
from worker.settings import load_settings

_SPOKEN = true_transcript("technical", speakers=False)


class Speech:
    """Blocks until a file exists."""

    name = "held-up"

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        del recording, channels, progress
        while not Path(sys.argv[1]).exists():
            time.sleep(0.05)
        return _SPOKEN.model_copy(update={"duration": audio.duration})


@worker_process_init.connect
def _replace_providers(**_: Any) -> None:
    services.provide(
        replace(services.current(), speech=Speech(), language=LanguageProviders([FakeLanguage()]))
    )


if __name__ == "__main__":
    run_worker(load_settings(), queues=(), concurrency=2, name="held-up", events=False)
