"""Files in a metrics directory, whose disk may be full and whose content may be damaged."""

import errno
import fcntl
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

_NO_SUPPORT = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)
_MODE = 0o644


class Damaged(Exception):
    """A file is not what this service writes."""


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file; returns its descriptor.

    Raises:
        Damaged: Something else is in its place.
        OSError: It cannot be opened.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for its other end.
        file = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, _MODE)
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ELOOP, errno.ENXIO):
            raise Damaged("it is not a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Damaged("it is not a regular file")
    return file


def open_locked(path: Path) -> int:
    """Open a regular file for writing, create it if it is missing, and lock it for this process.

    Raises:
        Damaged: Something else is in its place, or this user may not open it.
        BlockingIOError: Another process has locked it.
        OSError: It cannot be created.
    """
    try:
        file = open_regular(path, os.O_RDWR | os.O_CREAT)
    except PermissionError as error:
        if not os.path.lexists(path):
            raise
        raise Damaged(f"it cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


def allocate(file: int, size: int) -> None:
    """Extend a file with zeros to a size in bytes, and allocate all of its blocks.

    Writing into a file without blocks (a sparse one) fails on a full disk.

    Raises:
        OSError: There is no space; the file has its previous size.
    """
    before = os.fstat(file).st_size
    try:
        if not _allocated_by_system(file, size):
            _write_zeros(file, before, size)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, before)
        raise


def is_at(file: int, path: Path) -> bool:
    """Whether an open file is still the one at a path."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(file))


def set_aside(path: Path) -> Path:
    """Rename a damaged file so that its name is free; returns the new path.

    There is one such file for each name: a previous one is replaced.

    Raises:
        OSError: It cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    return aside


def _allocated_by_system(file: int, size: int) -> bool:
    """Let the operating system allocate the blocks; false if it cannot, as on macOS."""
    if sys.platform == "linux":
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in _NO_SUPPORT:
                raise
            return False
        return True
    else:  # noqa: RET505 - without it mypy considers what follows unreachable on Linux
        return False


def _write_zeros(file: int, start: int, end: int) -> None:
    while start < end:
        start += os.pwrite(file, bytes(min(end - start, 65_536)), start)
