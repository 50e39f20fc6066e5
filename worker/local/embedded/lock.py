"""Keeps two copies from running on the same data."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import InterviewWorkerError


class AlreadyRunning(InterviewWorkerError):
    """Another process works on this data directory."""

    code = "already_running"


@contextlib.contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Hold a data directory, for as long as the context lasts or the process lives.

    Raises:
        AlreadyRunning: Another process holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise AlreadyRunning(
                f"process {file.read()} is already running on {data_dir}"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
