"""The real worker with the real calendar, scripted by the file names of recordings.

The name `go-1.wav` returns a transcript at once, and `slow` after nine seconds. `fail` raises an
error. `hang` and `hog` block until a file is deleted; `hog` allocates a gigabyte meanwhile.

The analysis is that of two language models, of which the first is billed and has a budget.
"""

import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from tasks.analysis.findings import SentimentFinding
from tasks.errors import Permanent
from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Transcript
from tasks.pipeline import services
from tasks.ports import Progress
from tasks.providers.chain import call_once
from tasks.providers.language import LanguageProviders
from tasks.providers.speech import SpeechProviders
from tests.fakes.language import FakeLanguage
from tests.samples import true_transcript
from worker.adapters.billing import Budgets
from worker.adapters.providers import Context, Usage
from worker.bootstrap import open_stores, provider_context
from worker.celery_app.worker import run_worker
from worker.settings import load_settings

HELD = "held"
"""The file that blocks the transcriptions `hang` and `hog` while it exists."""

UNLISTED = "unlisted"
"""The file which makes the language model one that is not in the price list, while it exists."""

BILLED = "openai"
"""The name of the first language provider."""

_TRUE = true_transcript("technical", speakers=False)
_GIB = 1 << 30
_SLOW = 9.0

_open = ExitStack()


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


class Billed(FakeLanguage):
    """A language model whose answers are billed."""

    def __init__(self, context: Context, unlisted: Path) -> None:
        super().__init__()
        self._context = context
        self._unlisted = unlisted

    @property
    def name(self) -> str:
        return BILLED

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        model = "scripted" if self._unlisted.exists() else self._context.settings.openai_model
        self._context.bill(Usage(BILLED, model, 1000, 100))
        return super().sentiment(transcript)


@worker_process_init.connect
def _replace_providers(**_: Any) -> None:
    notes, settings = Path(sys.argv[1]), load_settings()
    context = _open.enter_context(provider_context(settings))
    ledger = _open.enter_context(open_stores(settings)).ledger
    language = [Billed(context, notes / UNLISTED), FakeLanguage()]
    admit = Budgets(settings.daily_budget, ledger).admit
    services.provide(
        replace(
            services.current(),
            speech=SpeechProviders([Speech(notes / HELD)]),
            language=LanguageProviders(language, call_once, admit),
        )
    )


@worker_process_shutdown.connect
def _tear_down(**_: Any) -> None:
    _open.close()


def main() -> None:
    """Run the worker until it receives a signal."""
    run_worker(load_settings(), queues=(), concurrency=2, name=sys.argv[2], events=False)


if __name__ == "__main__":
    main()
