"""An `IdempotencyStore` in a dictionary."""

import threading

from worker.ports import IdempotencyEntry


class MemoryIdempotency:
    def __init__(self) -> None:
        self._entries: dict[str, IdempotencyEntry] = {}
        self._lock = threading.Lock()

    def get(self, entry_id: str) -> IdempotencyEntry | None:
        return self._entries.get(entry_id)

    def put(self, entry: IdempotencyEntry, *, instead_of: IdempotencyEntry | None) -> bool:
        with self._lock:
            if self._version(entry.id) != (instead_of.version if instead_of else None):
                return False
            self._entries[entry.id] = entry
            return True

    def remove(self, entry: IdempotencyEntry) -> None:
        with self._lock:
            if self._version(entry.id) == entry.version:
                del self._entries[entry.id]

    def _version(self, entry_id: str) -> str | None:
        found = self._entries.get(entry_id)
        return found.version if found else None
