"""Decodes damaged recordings in a separate process, which may crash.

Prints a line for each: its number, what became of it, and the seconds that took.
"""

import faulthandler
import resource
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import psutil

from tasks.errors import InvalidAudio, Permanent
from tests.fuzz.media import clips, damaged
from tests.timing import allowed
from worker.adapters.media import probe, read_blocks

_PATIENCE = allowed(20)
"""Seconds for one recording; then the process ends with a traceback."""
_MEMORY = 3 << 30
"""Bytes of address space, beside what the libraries take, which differs with the cores."""
_LONGEST = 600.0


def main(place: Path, seed: int, numbers: range) -> None:
    """Make and hear recordings; those that something goes wrong with are left behind."""
    whole = clips(place)
    most = psutil.Process().memory_info().vms + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for number in numbers:
        suffix, content = damaged(whole, seed, number)
        path = place / f"{number}.{suffix}"
        path.write_bytes(content)
        faulthandler.dump_traceback_later(_PATIENCE, exit=True)
        started = time.monotonic()
        try:
            outcome = _hear(path)
        except Exception as error:
            outcome = f"unexpected:{type(error).__name__}"
            traceback.print_exc()
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.write(f"{number} {outcome} {time.monotonic() - started:.2f}\n")
        sys.stdout.flush()
        if not outcome.startswith("unexpected"):
            path.unlink()


def _hear(path: Path) -> str:
    """What the API and the worker make of a recording: `heard`, or the code of the error."""
    try:
        found = probe(path, name=path.name, max_duration=_LONGEST)
    except InvalidAudio as error:
        return error.code
    longest = found.duration * 1.02 + 1  # as much as a worker listens to
    try:
        for block in read_blocks(path, split=found.channels == 2, max_duration=longest):
            assert all(np.isfinite(channel).all() for channel in block.channels)
    except Permanent as error:
        return f"worker:{error.code}"
    return "heard"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), range(int(sys.argv[3]), int(sys.argv[4])))
