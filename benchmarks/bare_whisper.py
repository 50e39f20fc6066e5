"""The speed of faster-whisper alone on this machine, as the baseline for the worker.

`python -m benchmarks.bare_whisper FILE…` compares one process of two threads with two processes of
one thread.
"""

import multiprocessing
import sys
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING

from worker.adapters.speech.block_transcriber import OPTIONS
from worker.adapters.speech.model import load_model

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_model: "WhisperModel"


def bare_loop(
    paths: Sequence[Path], processes: int, cpu_threads: int, *, model: str = "tiny.en"
) -> float:
    """Transcribe recordings in a pool of processes, as a simple script would.

    Whole files are decoded to mono and transcribed with the worker's options. Models are loaded
    before the measurement starts.

    Args:
        paths: The recordings. Put long ones first, as the last one to finish ends the measurement.
        processes: Number of processes; each transcribes one recording at a time.
        cpu_threads: Threads of each process.
        model: As for `WhisperProvider`.

    Returns:
        Seconds of audio transcribed in a second.
    """
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    with context.Pool(processes, _prepare, (model, cpu_threads, ready)) as pool:
        ready.wait()
        started = time.perf_counter()
        seconds = sum(pool.imap_unordered(_transcribe, paths))
        elapsed = time.perf_counter() - started
        pool.close()
        pool.join()
    return seconds / elapsed


def _prepare(model: str, cpu_threads: int, ready: Barrier) -> None:
    global _model
    _model = load_model(model, cpu_threads=cpu_threads)
    ready.wait()


def _transcribe(path: Path) -> float:
    segments, info = _model.transcribe(str(path), **OPTIONS)
    for _ in segments:
        pass
    return float(info.duration)


if __name__ == "__main__":
    recordings = [Path(argument) for argument in sys.argv[1:]]
    for count, threads in ((1, 2), (2, 1)):
        speed = bare_loop(recordings, count, threads)
        print(f"{count} process(es) of {threads} thread(s): {speed:.1f} s of audio a second")
