"""Reading of the files of metrics in a directory, again and again."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from monitoring.metrics.directory import damaged_files, metrics_files, slot_of, slots
from monitoring.metrics.files import Damaged, set_aside
from monitoring.metrics.storage import OtherVersion, read_series

log = logging.getLogger(__name__)

Stored = Mapping[bytes, Sequence[float]]
"""The values of a file, by key."""

_MOST_SET_ASIDE = 3
"""How often the same file is renamed, in case its writer always writes it like that."""

_READS = 2
"""How often a file is read before it counts as damaged: its writer may have been writing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        values: The node name, or else the slot, of each file's process, and the values.
        is_complete: Whether the directory could be read.
        damaged: The number of files that are damaged or cannot be read.
    """

    values: Sequence[tuple[str, Stored]]
    is_complete: bool
    damaged: int


class StoredFiles:
    """The files of metrics in a directory.

    While a file, or the directory, cannot be read, its values are those that were read last, and so
    are those of series that a file no longer has. A counter that falls and then returns to its
    value would look to Prometheus like as many new events.

    A damaged file is renamed, so that it loses its own series only, and its writer starts anew. One
    that cannot be opened, or is of another version, is left in place.

    Args:
        directory: The directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[Path, dict[bytes, Sequence[float]]] = {}
        self._owners: dict[str, str | None] = {}
        self._times_aside: dict[Path, int] = {}
        self._left_out: set[Path] = set()
        self._damaged = 0
        self._lock = Lock()

    def read(self, own: Path | None) -> "Reading":
        """Read all files but one, which this process writes itself."""
        with self._lock:
            with self._reported(self._directory):
                self._owners |= {slot.name: slot.owner for slot in slots(self._directory)}
                paths = [path for path in metrics_files(self._directory) if path != own]
                self._left_out &= {self._directory, *paths}
                for path in paths:
                    self._update(path)
                self._damaged = len(damaged_files(self._directory))
            return Reading(
                values=[
                    (self._owners.get(slot_of(path)) or slot_of(path), dict(values))
                    for path, values in self._read.items()
                    if path != own
                ],
                is_complete=self._directory not in self._left_out,
                damaged=self._damaged + len(self._left_out),
            )

    def _update(self, path: Path) -> None:
        with self._reported(path):
            try:
                # In place of none: a file that is being written anew may not have all series yet.
                self._read.setdefault(path, {}).update(_read_settled(path))
            except OtherVersion:
                raise
            except Damaged as damage:
                times = self._times_aside[path] = self._times_aside.get(path, 0) + 1
                if times > _MOST_SET_ASIDE:
                    raise
                aside = _set_aside(path, damage)
                log.warning("%s is damaged (%s); it is now %s", path, damage, aside.name)

    @contextmanager
    def _reported(self, path: Path) -> Iterator[None]:
        """Log that a path cannot be read, and that it can be read again, once each."""
        try:
            yield
        except FileNotFoundError:
            # Between listing and opening; its writer creates it again.
            if path == self._directory:
                self._leave_out(path, "it is missing")
        except (Damaged, OSError) as error:
            self._leave_out(path, str(error))
        else:
            if path in self._left_out:
                self._left_out.discard(path)
                log.info("the metrics in %s are read again", path)

    def _leave_out(self, path: Path, reason: str) -> None:
        if path not in self._left_out:
            self._left_out.add(path)
            log.warning("the metrics in %s are not read: %s", path, reason)


def _set_aside(path: Path, damage: Damaged) -> Path:
    try:
        return set_aside(path)
    except OSError:
        raise damage from None


def _read_settled(path: Path) -> Stored:
    for _ in range(_READS - 1):
        with suppress(Damaged):
            return read_series(path)
    return read_series(path)
