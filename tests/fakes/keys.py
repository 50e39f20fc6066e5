"""A `KeyStore` in a dictionary."""

from collections.abc import Sequence
from datetime import datetime

from tasks.errors import NotFound
from worker.ports import Key


class MemoryKeys:
    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}

    def add(self, key: Key) -> None:
        self._keys[key.id] = key

    def get(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)

    def all(self) -> Sequence[Key]:
        return sorted(self._keys.values(), key=lambda key: key.created_at)

    def revoke(self, key_id: str, moment: datetime) -> None:
        key = self._keys.get(key_id)
        if key is None:
            raise NotFound(f"there is no key {key_id}")
        self._keys[key_id] = key.model_copy(update={"revoked_at": key.revoked_at or moment})
