"""Decodes damaged recordings in a separate process, which may crash.

Prints a line for each: its number, the outcome, and the duration in seconds.
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
"""Seconds for one recording, after which the process exits with a traceback."""
_MEMORY = 3 << 30
"""Bytes of address space in addition to the libraries', which depends on the number of cores."""
_LONGEST = 600.0


def main(place: Path, seed: int, numbers: range) -> None:
    """Create and decode recordings; those with unexpected errors are not deleted."""
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
    """Decode a recording like API and worker; returns `heard` or the error code."""
    try:
        found = probe(path, name=path.name, max_duration=_LONGEST)
    except InvalidAudio as error:
        return error.code
    longest = found.duration * 1.02 + 1  # the limit of the speech providers
    try:
        for block in read_blocks(path, split=found.channels == 2, max_duration=longest):
            assert all(np.isfinite(channel).all() for channel in block.channels)
    except Permanent as error:
        return f"worker:{error.code}"
    return "heard"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), range(int(sys.argv[3]), int(sys.argv[4])))
