"""The real worker with the real calendar, scripted by the file names of recordings.

The name `go-1.wav` returns a transcript at once, and `slow` after four seconds. `fail` raises an
error. `hang` and `hog` block until a file is deleted; `hog` allocates a gigabyte meanwhile.
"""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from celery.signals import worker_process_init

from tasks.errors import Permanent
from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Transcript
from tasks.pipeline import services
from tasks.ports import Progress
from tasks.providers.language import LanguageProviders
from tasks.providers.speech import SpeechProviders
from tests.fakes.language import FakeLanguage
from tests.samples import true_transcript
from worker.celery_app.worker import run_worker
from worker.settings import load_settings

HELD = "held"
"""The file that blocks the transcriptions `hang` and `hog` while it exists."""

_TRUE = true_transcript("technical", speakers=False)
_GIB = 1 << 30
_SLOW = 4.0


@dataclass(frozen=True)
class Speech:
    held: Path
    name = "scripted"

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        del recording, channels, progress
        self._fare(audio.name.partition("-")[0])
        return _TRUE.model_copy(update={"duration": audio.duration})

    def _fare(self, what: str) -> None:
        if what == "fail":
            raise Permanent("scripted failure", code="scripted")
        if what == "slow":
            time.sleep(_SLOW)
        # Random data, because the kernel does not allocate memory for zeros.
        load = os.urandom(1024) * (_GIB // 1024) if what == "hog" else b""
        while what in ("hang", "hog") and self.held.exists():
            time.sleep(0.1)
        del load


@worker_process_init.connect
def _replace_providers(**_: Any) -> None:
    services.provide(
        replace(
            services.current(),
            speech=SpeechProviders([Speech(Path(sys.argv[1]) / HELD)]),
            language=LanguageProviders([FakeLanguage()]),
        )
    )


def main(_: Sequence[str]) -> None:
    """Run the worker until it receives a signal."""
    run_worker(load_settings(), queues=(), concurrency=2, name="all", events=False)


if __name__ == "__main__":
    main(sys.argv[1:])
