"""The real worker, with providers scripted by the recording's file name.

A name such as `kill-transcribe-7.wav` gives the failure, the stage, and the number of the
interview. A failure occurs once, except that `fail` is permanent, and so is `burst`, whose error
quotes sensitive text. `kill` kills the pool's process, and `slay` the whole worker. `hold` waits
until the file `held` is deleted.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from celery.signals import celeryd_init, worker_process_init

from tasks.analysis.findings import SentimentFinding
from tasks.errors import Permanent, Transient
from tasks.interviews.interview import Audio, Channels, Stage
from tasks.interviews.people import Interval
from tasks.interviews.transcript import Transcript
from tasks.pipeline import services
from tasks.ports import Progress
from tasks.providers.language import LanguageProviders
from tasks.providers.speech import SpeechProviders
from tasks.scheduling.calendars import Calendars
from tests.fakes.calendar import MemoryCalendar
from tests.fakes.language import FakeLanguage
from tests.samples import true_transcript
from worker.celery_app.worker import run_worker
from worker.settings import load_settings

CANARY = "Zebulon Canarybird"
HELD = "held"
"""The file that blocks the stages of `hold` while it exists."""
RECYCLE_AFTER = "TEST_RECYCLE_AFTER"
"""The environment variable for the number of tasks after which a child is replaced."""

_TRUE = true_transcript("technical", speakers=False)


@dataclass(frozen=True)
class Script:
    """The failures to inject; files record which ones have occurred."""

    notes: Path

    def run(self, name: str, stage: Stage) -> None:
        what, where, _ = name.split("-")
        if where != stage:
            return
        match what:
            case "fail":
                raise Permanent("it was to fail", code="scripted")
            case "burst":
                raise RuntimeError(f"{CANARY} said so")
            case "hold":
                self._wait()
            case "kill" | "slay" | "retry" if self._is_first(name):
                self._disturb(what)

    def _wait(self) -> None:
        while (self.notes / HELD).exists():
            time.sleep(0.05)

    def _is_first(self, name: str) -> bool:
        try:
            (self.notes / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _disturb(self, what: str) -> None:
        if what == "retry":
            raise Transient("it was to be tried again", code="scripted")
        os.kill(os.getppid() if what == "slay" else os.getpid(), signal.SIGKILL)
        # The kernel kills this process with its parent; it must not continue until then.
        while True:
            signal.pause()


@dataclass(frozen=True)
class Speech:
    """Returns the same transcript each time, with the file name as its model."""

    script: Script
    name = "scripted"

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        del recording, channels, progress
        self.script.run(audio.name, Stage.TRANSCRIBE)
        return _TRUE.model_copy(update={"model": audio.name, "duration": audio.duration})


class Language(FakeLanguage):
    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        self.script.run(transcript.model, Stage.ANALYSE)
        return super().sentiment(transcript)


class Calendar(MemoryCalendar):
    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script

    def busy(
        self, calendar: str, window: Interval, *, zone: str, exclude: str
    ) -> Sequence[Interval]:
        name = calendar.strip("/").partition("@")[0]
        self.script.run(name, Stage.SCHEDULE)
        return super().busy(calendar, window, zone=zone, exclude=exclude)


@worker_process_init.connect
def _replace_providers(**_: Any) -> None:
    script = Script(Path(sys.argv[1]))
    services.provide(
        replace(
            services.current(),
            speech=SpeechProviders([Speech(script)]),
            language=LanguageProviders([Language(script)]),
            calendars=Calendars(Calendar(script)),
        )
    )


@celeryd_init.connect
def _recycle_children(conf: Any, **_: Any) -> None:
    conf.worker_max_tasks_per_child = int(os.environ.get(RECYCLE_AFTER, "0")) or None


if __name__ == "__main__":
    _, _, node, size = sys.argv
    run_worker(load_settings(), queues=(), concurrency=int(size), name=node, events=False)
