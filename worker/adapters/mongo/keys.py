"""API keys in MongoDB."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.database import Database
from typing_extensions import override

from tasks.errors import NotFound
from tasks.interviews.documents import to_document
from worker.adapters.mongo.client import Document, mapped_errors
from worker.ports import Key, KeyStore


class MongoKeys(KeyStore):
    """A `KeyStore` in the collection `keys`, one document for each key."""

    def __init__(self, database: Database[Document]) -> None:
        self._documents = database["keys"]

    @override
    def add(self, key: Key) -> None:
        document = to_document(key)
        document["_id"] = document.pop("id")
        with mapped_errors():
            self._documents.insert_one(document)

    @override
    def get(self, key_id: str) -> Key | None:
        with mapped_errors():
            found = self._documents.find_one({"_id": key_id})
        return None if found is None else _key(found)

    @override
    def all(self) -> Sequence[Key]:
        with mapped_errors():
            return [_key(found) for found in self._documents.find(sort=[("created_at", 1)])]

    @override
    def revoke(self, key_id: str, moment: datetime) -> None:
        with mapped_errors():
            self._documents.update_one(
                {"_id": key_id, "revoked_at": None}, {"$set": {"revoked_at": moment}}
            )
        if self.get(key_id) is None:
            raise NotFound(f"there is no key {key_id}")


def _key(document: Document) -> Key:
    document["id"] = document.pop("_id")
    return Key.model_validate(document)
