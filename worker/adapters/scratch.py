"""Temporary files for recordings."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO

from tasks.errors import Transient

_FULL = (errno.ENOSPC, errno.EDQUOT)

_OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def scratch_file() -> Iterator[tuple[IO[bytes], Path]]:
    """Create an empty temporary file, and a path by which this process can open it.

    Flush the file before it is opened by its path. On Linux the file has no name in any directory,
    so that no part of a recording remains when the process is killed.

    Raises:
        Transient: The disk is full.
    """
    with mapped_disk_errors():
        if _OPEN_FILES.is_dir():
            with TemporaryFile() as file:
                yield file, _OPEN_FILES / str(file.fileno())
        else:
            with NamedTemporaryFile(prefix="interview-") as named:
                yield named.file, Path(named.name)


@contextmanager
def mapped_disk_errors() -> Iterator[None]:
    """Map a full disk to a transient error, since space may be freed.

    Raises:
        Transient: The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise Transient("there is no space left for recordings", code="storage_full") from error
