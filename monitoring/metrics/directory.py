"""The metrics directory, in which the processes of one machine store their metrics.

Files outlive the processes that write them, so that no counter decreases when a process is
replaced. File locks, which the kernel releases however a process ends, show which processes are
alive.

Each process has a slot, which is reused after its end: `worker-1.lock` is the lock of a slot and
lists its owners, `worker-1.db` has the metrics of its process, and `worker-1.0.db` those of the
first child of that process.
"""

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from monitoring.metrics.files import ASIDE, Damaged, allocate, is_at, open_regular, set_aside

WORKER = "worker"
"""The kind of slots of workers."""

SIDECAR = "sidecar"
"""The kind of slots of sidecars."""

_LOCK_TIMEOUT = 1.0
"""Seconds to wait for a lock held by the children of a dead worker, or by a reader."""

_MEMBERS = "members.lock"
_CLAIMS = "claims.lock"
_SLOT = re.compile(rf"(?P<kind>{WORKER}|{SIDECAR})-[1-9][0-9]*")
_FILE = re.compile(rf"({WORKER}|{SIDECAR})(-[0-9]+)?(\.[0-9]+)?\.(db|heartbeat|lock)")
"""The names of our files. Others may be those of another program, and are left alone."""
_OWNER = re.compile(r"[^\s@]+@[^\s@]+")
_LOCK_BYTES = 4096
"""The size of a slot's lock; allocated at once, so that owners can change on a full disk."""


@dataclass(frozen=True)
class Slot:
    """A slot, as other processes see it.

    Attributes:
        name: Its name, such as `worker-1`.
        kind: The kind of its processes.
        owners: The node names of the processes that have owned it; the last is the current one.
        held: Whether the process, or a child of it, runs.
        claimed_at: The time of the last claim, in seconds since the epoch.
    """

    name: str
    kind: str
    owners: tuple[str, ...]
    held: bool
    claimed_at: float

    @property
    def owner(self) -> str | None:
        """The node name of its last owner; None if it is not known."""
        return self.owners[-1] if self.owners else None


class Membership:
    """The membership of a process in a directory.

    Args:
        directory: The directory; it is created, and emptied if it has no other members.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: int | None = None

    def check(self) -> None:
        """Join the directory, or join it again after it was removed.

        Raises:
            OSError: The directory or its lock cannot be created.
        """
        if self._lock is not None and is_at(self._lock, self._directory / _MEMBERS):
            return
        is_first_time = self._lock is None
        self.leave()
        self._directory.mkdir(parents=True, exist_ok=True)
        lock = _open_anew(self._directory / _MEMBERS)
        try:
            if is_first_time and _try(lock, fcntl.LOCK_EX):
                _empty(self._directory)
            _require(lock, fcntl.LOCK_SH, "another process is emptying the directory")
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def leave(self) -> None:
        """Leave the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def joined(directory: Path) -> Iterator[None]:
    """Be a member of a directory; it is created, and emptied if it has no other members.

    Raises:
        OSError: It cannot be joined.
    """
    membership = Membership(directory)
    membership.check()
    try:
        yield
    finally:
        membership.leave()


class Place:
    """The place of a process in a directory: its membership and its slot.

    Processes forked from this one hold the slot as well, until the last of them ends, so that
    nobody else writes to their files.

    Args:
        directory: The metrics directory.
        kind: The kind of process: worker or sidecar.
        owner: Its node name.
    """

    def __init__(self, directory: Path, kind: str, owner: str) -> None:
        self._directory = directory
        self._kind = kind
        self._owner = owner
        self._membership = Membership(directory)
        self._lock: int | None = None
        self._name: str | None = None
        self._is_owner = False
        self._label = owner.partition("@")[0]

    @property
    def slot(self) -> str | None:
        """The name of the slot; None if there is none at the moment."""
        return self._name if self._is_owner else None

    @property
    def label(self) -> str:
        """The process' name in metrics, with its slot if another process had the name before."""
        return self._label

    def check(self) -> None:
        """Claim a slot, or claim it again after its lock was removed.

        Raises:
            OSError: No slot can be claimed, for example because the disk is full.
        """
        self._membership.check()
        if self._lock is not None and not is_at(self._lock, self._path_of(str(self._name))):
            self._release()
        if self._lock is None:
            self._claim()
        elif not self._is_owner:
            _write_owners(self._lock, (self._owner,))
            self._is_owner = True

    def leave(self) -> None:
        """Release the slot and leave the directory."""
        self._release()
        self._membership.leave()

    def _path_of(self, name: str) -> Path:
        return self._directory / f"{name}.lock"

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None
        self._is_owner = False

    def _claim(self) -> None:
        """Take a slot of an earlier run, that of a dead process, or a new one.

        The values of a dead process appear under a new node name then, and its own series vanish
        at the same time. A node name that has had another slot takes a new one: its series, which
        Prometheus knows, would otherwise jump to higher values that no event has caused.
        """
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while True:
            with _claiming(self._directory):
                found = slots_of(self._directory)
                known = [one for one in found if one.kind == self._kind]
                before = [one for one in known if one.owner == self._owner]
                if any(self._take(one) for one in self._latest_first(before)):
                    break
                # Children of a dead worker end within moments.
                if not before or time.monotonic() > deadline:
                    self._take_other(known)
                    break
            time.sleep(0.02)
        others = {one.owner.partition("@")[0] for one in found if one.held and one.owner}
        name = self._owner.partition("@")[0]
        self._label = f"{name}#{self._name}" if name in others else name

    def _latest_first(self, own: Sequence[Slot]) -> Sequence[Slot]:
        return sorted(own, key=lambda one: one.name != self._name)

    def _take_other(self, known: Sequence[Slot]) -> None:
        name = self._owner.partition("@")[0]
        if not any(self._owner in one.owners for one in known):
            # Those of the same name first, whose tasks are more likely the same.
            known = sorted(known, key=lambda one: (one.owner or "").partition("@")[0] != name)
            if any(self._take(one) for one in known):
                return
        numbers = (f"{self._kind}-{number}" for number in count(1))
        wanted = self._name if self._name and not self._path_of(self._name).exists() else None
        while wanted is None or os.path.lexists(self._path_of(wanted)):
            wanted = next(numbers)
        lock = open_regular(self._path_of(wanted), os.O_RDWR | os.O_CREAT)
        self._lock, self._name = lock, wanted
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Kept also if that fails, as the lock shows that a process runs that cannot record.
        _write_owners(lock, (self._owner,))
        self._is_owner = True

    def _take(self, slot: Slot) -> bool:
        if slot.held:
            return False
        try:
            lock = open_regular(self._path_of(slot.name), os.O_RDWR)
        except (Damaged, OSError):
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if slot.owner != self._owner:
                _write_owners(lock, (*slot.owners, self._owner))
        except OSError:
            os.close(lock)
            return False
        self._lock, self._name, self._is_owner = lock, slot.name, True
        return True


def slots(directory: Path) -> Sequence[Slot]:
    """All slots of a directory, by name.

    Raises:
        OSError: The directory cannot be read.
    """
    with suppress(FileNotFoundError, Damaged, PermissionError):
        lock = open_regular(directory / _CLAIMS, os.O_RDONLY)
        try:
            # So that a claiming process does not find slots held by a reader.
            _try(lock, fcntl.LOCK_SH, _LOCK_TIMEOUT / 2)
            return slots_of(directory)
        finally:
            os.close(lock)
    return slots_of(directory)


def slots_of(directory: Path) -> Sequence[Slot]:
    """All slots of a directory, by name, for a process that has locked it."""
    found = []
    for path in _files(directory, ".lock"):
        match = _SLOT.fullmatch(path.stem)
        slot = _read(path, match["kind"]) if match else None
        if slot is not None:
            found.append(slot)
    return found


def metrics_files(directory: Path) -> Sequence[Path]:
    """The files of metrics in a directory, by name.

    Raises:
        OSError: The directory cannot be read.
    """
    return list(_files(directory, ".db"))


def damaged_files(directory: Path) -> Sequence[Path]:
    """What was set aside in a directory.

    Raises:
        OSError: The directory cannot be read.
    """
    # Not Path.glob, which finds nothing in a directory that cannot be read.
    return [path for path in directory.iterdir() if path.suffix == ASIDE]


def _files(directory: Path, suffix: str) -> Iterator[Path]:
    """Our files with a suffix, by name."""
    for path in sorted(directory.iterdir()):
        if path.suffix == suffix and _FILE.fullmatch(path.name):
            yield path


def slot_of(path: Path) -> str:
    """The name of the slot to which a file belongs."""
    return path.name.partition(".")[0]


def _read(path: Path, kind: str) -> Slot | None:
    try:
        lock = open_regular(path, os.O_RDONLY)
    except (Damaged, OSError):
        return None
    try:
        lines = os.pread(lock, _LOCK_BYTES, 0).decode(errors="replace").splitlines()
        owners = tuple(line for line in lines if _OWNER.fullmatch(line))
        held = not _try(lock, fcntl.LOCK_SH)
        return Slot(path.stem, kind, owners, held, os.fstat(lock).st_mtime)
    except OSError:
        return None
    finally:
        os.close(lock)


def _write_owners(lock: int, owners: Sequence[str]) -> None:
    allocate(lock, _LOCK_BYTES)
    text = b""
    for owner in reversed(owners):
        line = f"{owner}\n".encode()
        if len(text) + len(line) > _LOCK_BYTES:
            break
        text = line + text
    os.pwrite(lock, text.ljust(_LOCK_BYTES), 0)


@contextmanager
def _claiming(directory: Path) -> Iterator[None]:
    lock = _open_anew(directory / _CLAIMS)
    try:
        _require(lock, fcntl.LOCK_EX, "another process is claiming a slot")
        yield
    finally:
        os.close(lock)


def _open_anew(path: Path) -> int:
    """Open a file that is only locked; what is in its place and is not a file is renamed."""
    try:
        return open_regular(path, os.O_RDONLY | os.O_CREAT)
    except Damaged:
        set_aside(path)
        return open_regular(path, os.O_RDONLY | os.O_CREAT)


def _require(lock: int, kind: int, otherwise: str) -> None:
    if not _try(lock, kind, _LOCK_TIMEOUT):
        raise BlockingIOError(errno.EAGAIN, otherwise)


def _try(lock: int, kind: int, timeout: float = 0) -> bool:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        if _FILE.fullmatch(path.name):
            # A directory in place of a file is dealt with by the process that wants the name.
            with suppress(OSError):
                path.unlink()
