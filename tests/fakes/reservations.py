"""`Reservations` in a dictionary."""

from collections.abc import Sequence
from threading import Lock

from tasks.interviews.people import Interval
from tasks.ports import Hold


class MemoryReservations:
    def __init__(self) -> None:
        self._holds: dict[str, tuple[frozenset[str], Hold]] = {}
        self._lock = Lock()

    def overlapping(
        self, resources: Sequence[str], window: Interval, *, exclude: str
    ) -> Sequence[Hold]:
        with self._lock:
            return [
                hold
                for hold in self._others(resources, exclude)
                if hold.interval.padded(hold.buffer, hold.buffer).overlaps(window)
            ]

    def holding(self, holder: str) -> Hold | None:
        _, hold = self._holds.get(holder, (None, None))
        return hold

    def reserve(
        self, holder: str, resources: Sequence[str], hold: Hold, *, instead_of: Hold | None
    ) -> bool:
        with self._lock:
            if self.holding(holder) != instead_of:
                return False
            if any(hold.conflicts(other) for other in self._others(resources, holder)):
                return False
            self._holds[holder] = _folded(resources), hold
            return True

    def release(self, holder: str) -> None:
        with self._lock:
            self._holds.pop(holder, None)

    def _others(self, resources: Sequence[str], holder: str) -> list[Hold]:
        names = _folded(resources)
        return [
            hold
            for other, (theirs, hold) in self._holds.items()
            if other != holder and theirs & names
        ]


def _folded(resources: Sequence[str]) -> frozenset[str]:
    return frozenset(resource.casefold() for resource in resources)
