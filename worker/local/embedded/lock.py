"""An exclusive lock on the data directory."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import InterviewWorkerError


class AlreadyRunning(InterviewWorkerError):
    """Another process uses this data directory."""

    code = "already_running"


@contextlib.contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Lock a data directory until the context exits or the process ends.

    Raises:
        AlreadyRunning: Another process holds the lock.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise AlreadyRunning(
                f"{data_dir} is already in use by process {file.read()}"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
