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

ASIDE = ".damaged"
"""The suffix of files that were set aside."""

_MOST_ASIDE = 5
_PROBE = ".interview-worker-probe"
_PROBE_BYTES = 4096


class Damaged(Exception):
    """A file is not what this service writes."""


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file; returns its descriptor.

    Raises:
        Damaged: Something else is in its place.
        OSError: It cannot be opened.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for its other end. A symbolic link may
        # lead to a file of another program.
        file = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
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

    There is one such file for each name: a previous one is replaced. Only a directory cannot
    replace a file, nor a file a directory, and these get a number.

    Raises:
        OSError: It cannot be renamed.
    """
    for number in range(1, _MOST_ASIDE):
        with suppress(IsADirectoryError, NotADirectoryError, FileExistsError):
            return _renamed(path, f".{number}{ASIDE}" if number > 1 else ASIDE)
    return _renamed(path, f".{_MOST_ASIDE}{ASIDE}")


def _renamed(path: Path, suffix: str) -> Path:
    aside = path.with_name(path.name + suffix)
    try:
        path.replace(aside)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        raise
    return aside


def check_can_create(directory: Path) -> None:
    """Check that a new file can be created in a directory and written.

    Raises:
        OSError: It cannot: for lack of space or inodes, or of the permission.
    """
    probe = directory / _PROBE
    file = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    try:
        allocate(file, _PROBE_BYTES)
    finally:
        os.close(file)
        probe.unlink(missing_ok=True)


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
