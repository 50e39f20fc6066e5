"""Transcription speed of the workers, compared with bare faster-whisper on the same cores."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bare_whisper import bare_loop
from tasks.interviews.interview import Interview, Stage
from tests.processes import frozen
from tests.samples import SCREENING, TECHNICAL
from tests.stack import RunningStack, running_stack

_WANTED = 0.95
_FILES = (SCREENING, TECHNICAL) * 6
_ROUNDS = 3
_PARTICULARS = {
    "type": "screening",
    "candidate": {"name": "A", "email": "a@example.com"},
    "analyses": [],
}


def rows() -> Iterator[tuple[str, str, str, str, bool]]:
    """Seconds of audio per second, in alternating rounds with bare faster-whisper."""
    with (
        tempfile.TemporaryDirectory() as place,
        running_stack(Path(place), TRANSCRIBE_CONCURRENCY="2", WHISPER_THREADS="1") as running,
    ):
        _through_the_workers(running, 2)  # loads the models
        pairs = [
            (_through_the_workers(running, len(_FILES)), bare_loop(_FILES, 2, cpu_threads=1))
            for _ in range(_ROUNDS)
        ]
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    ours, bare = (statistics.median(figures) for figures in zip(*pairs, strict=True))
    yield (
        "transcription, two workers busy",
        f"{ours:.1f} s of audio per second",
        f"bare faster-whisper, two processes: {bare:.1f}",
        f"{ratio:.2f} (at least {_WANTED})",
        ratio >= _WANTED,
    )


def _through_the_workers(running: RunningStack, count: int) -> float:
    # The workers are frozen during submission and polled rarely, as probing and polling use cores.
    with frozen(running.process("worker-transcribe").pid):
        ids = [running.api.submit(file, _PARTICULARS).id for file in _FILES[:count]]
    for each in reversed(ids):
        while not running.api.get(each).status.final:
            time.sleep(1)
    done = [running.api.get(each) for each in ids]
    return sum(one.audio.duration for one in done) / _elapsed(done)


def _elapsed(done: list[Interview]) -> float:
    records = [one.stages[Stage.TRANSCRIBE] for one in done]
    started = min(record.started_at for record in records if record.started_at)
    finished = max(record.finished_at for record in records if record.finished_at)
    return (finished - started).total_seconds()
