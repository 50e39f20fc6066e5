"""Idempotency keys in MongoDB."""

from dataclasses import asdict

from pymongo import IndexModel
from pymongo.database import Database
from typing_extensions import override

from worker.adapters.mongo.client import Document, DuplicateKey, mapped_errors
from worker.ports import IdempotencyEntry, IdempotencyStore


class MongoIdempotency(IdempotencyStore):
    """An `IdempotencyStore` in the collection `idempotency`; a TTL index deletes its entries."""

    def __init__(self, database: Database[Document]) -> None:
        self._entries = database["idempotency"]

    def prepare(self) -> None:
        """Create the TTL index; idempotent."""
        with mapped_errors():
            self._entries.create_indexes([IndexModel("expires_at", expireAfterSeconds=0)])

    @override
    def get(self, entry_id: str) -> IdempotencyEntry | None:
        with mapped_errors():
            found = self._entries.find_one({"_id": entry_id})
        if found is None:
            return None
        found["id"] = found.pop("_id")
        return IdempotencyEntry(**found)

    @override
    def put(self, entry: IdempotencyEntry, *, instead_of: IdempotencyEntry | None) -> bool:
        document = asdict(entry)
        document["_id"] = document.pop("id")
        try:
            with mapped_errors():
                if instead_of is None:
                    self._entries.insert_one(document)
                    return True
                return self._entries.replace_one(_exactly(instead_of), document).matched_count == 1
        except DuplicateKey:
            return False

    @override
    def remove(self, entry: IdempotencyEntry) -> None:
        with mapped_errors():
            self._entries.delete_one(_exactly(entry))


def _exactly(entry: IdempotencyEntry) -> Document:
    return {"_id": entry.id, "version": entry.version}
