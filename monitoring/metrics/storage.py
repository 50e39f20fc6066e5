"""The file in which a process stores its metrics.

A header is followed by one entry for each series:

    header   8 bytes magic with the version, uint32 bytes in use, 4 bytes not used
    entry    uint32 length of the key, uint32 number of values, key, padding to 8 bytes, doubles

Values are written in place, each series by one call, so that a kill or a reader in between finds
the old values or the new ones. They are written by pwrite(2) and not through a memory map: if the
file is truncated or its disk fails, the call returns an error, where a memory map ends the process
with SIGBUS.
"""

import errno
import math
import os
import struct
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from monitoring.metrics.files import (
    Damaged,
    allocate,
    is_at,
    open_locked,
    open_regular,
)

_MAGIC = b"IWMETRC"
_VERSION = 1
_HEADER = struct.Struct("<7sBII")
_ENTRY = struct.Struct("<II")
_INITIAL_SIZE = 65_536
_LARGEST = 64 * 1024 * 1024
"""Bytes of the largest file that is read; a larger one is damaged."""

_MOST_VALUES = 64


class OtherVersion(Damaged):
    """A file was written by another version of this service."""


class SeriesFile:
    """A file that this process writes; no other process can open it for writing meanwhile.

    Args:
        path: Its path; a missing file is created.

    Attributes:
        found: The series that the file had when it was opened.

    Raises:
        Damaged: The file cannot be read, or its content is invalid.
        OSError: The file cannot be created, for example because the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_locked(path)
        self._positions: dict[bytes, tuple[int, int]] = {}
        self._size = 0
        self._used = _HEADER.size
        self.found: dict[bytes, tuple[float, ...]] = {}
        try:
            self._load()
        except BaseException:
            os.close(self._file)
            raise

    def position(self, key: bytes, values: Sequence[float]) -> int:
        """The position of a series, which is added if it is missing.

        Raises:
            OSError: It cannot be added, for example because the disk is full.
        """
        known = self._positions.get(key)
        if known is not None and known[1] == len(values):
            return known[0]
        head = _ENTRY.pack(len(key), len(values)) + key
        head += bytes(-len(head) % 8)
        position = self._used + len(head)
        end = position + 8 * len(values)
        self._grow(end)
        # The header last, so that a reader never sees an unfinished entry.
        self._put(self._used, head + _doubles(len(values)).pack(*values))
        self._put(0, _HEADER.pack(_MAGIC, _VERSION, end, 0))
        self._used = end
        self._positions[key] = position, len(values)
        return position

    def write(self, position: int, values: Sequence[float]) -> None:
        """Write the values of a series.

        Raises:
            OSError: The disk is full, read-only or broken.
        """
        self._put(position, _doubles(len(values)).pack(*values))

    def check(self) -> None:
        """Check that the file can be written, is still at its path and was not overwritten.

        Raises:
            OSError: It cannot be written, or was removed, replaced or overwritten.
        """
        if not is_at(self._file, self._path):
            raise FileNotFoundError(f"{self._path} was removed")
        header = _HEADER.pack(_MAGIC, _VERSION, self._used, 0)
        is_short = os.fstat(self._file).st_size < self._size
        if is_short or os.pread(self._file, _HEADER.size, 0) != header:
            raise OSError(errno.EIO, f"{self._path} was overwritten")
        self._put(0, header)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _load(self) -> None:
        try:
            data = _read_all(self._file)
        except OSError as error:
            raise Damaged(f"it cannot be read: {error.strerror}") from error
        for key, position, values in _parse(data):
            self._positions[key] = position, len(values)
            self.found[key] = values
        self._size = max(len(data), _INITIAL_SIZE)
        # Also a file that was copied or restored, whose blocks may be missing.
        allocate(self._file, self._size)
        self._used = _used(data) or _HEADER.size
        self._put(0, _HEADER.pack(_MAGIC, _VERSION, self._used, 0))

    def _grow(self, needed: int) -> None:
        size = self._size
        while size < needed:
            size *= 2
        if size > self._size:
            allocate(self._file, size)
            self._size = size

    def _put(self, position: int, data: bytes) -> None:
        while data:
            written = os.pwrite(self._file, data, position)
            position += written
            data = data[written:]


def read_series(path: Path) -> dict[bytes, tuple[float, ...]]:
    """Read the values of all series in a file that another process may be writing.

    Raises:
        OtherVersion: The file is of another version of this service.
        Damaged: It is not such a file.
        OSError: It cannot be opened.
    """
    file = open_regular(path, os.O_RDONLY)
    try:
        return {key: values for key, _, values in _parse(_read_all(file))}
    finally:
        os.close(file)


def _read_all(file: int) -> bytes:
    size = os.fstat(file).st_size
    if size > _LARGEST:
        raise Damaged(f"it has {size} bytes")
    parts = []
    position = 0
    while part := os.pread(file, _INITIAL_SIZE, position):
        parts.append(part)
        position += len(part)
        if position > _LARGEST:
            break
    return b"".join(parts)


def _used(data: bytes) -> int:
    """The number of bytes in use; 0 if the file has been created but not written."""
    head = data[: _HEADER.size]
    if not head.strip(b"\0"):
        return 0
    if len(head) < _HEADER.size:
        raise Damaged("it is cut off")
    magic, version, used, _ = _HEADER.unpack(head)
    if magic != _MAGIC:
        raise Damaged("it is not a file of metrics")
    if version != _VERSION:
        raise OtherVersion(f"it has version {version}, not {_VERSION}")
    if not _HEADER.size <= used <= len(data):
        raise Damaged("it is cut off")
    return int(used)


def _parse(data: bytes) -> Iterator[tuple[bytes, int, tuple[float, ...]]]:
    used = _used(data)
    position = _HEADER.size
    while position < used:
        if position + _ENTRY.size > used:
            raise Damaged("an entry is cut off")
        length, count = _ENTRY.unpack_from(data, position)
        start = position + _ENTRY.size
        values_at = start + length + -length % 8
        position = values_at + 8 * count
        if not 0 < count <= _MOST_VALUES or position > used:
            raise Damaged("an entry is invalid")
        values = _doubles(count).unpack_from(data, values_at)
        if not all(map(math.isfinite, values)):
            raise Damaged("a value is not a number")
        yield data[start : start + length], values_at, values


@cache
def _doubles(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")
