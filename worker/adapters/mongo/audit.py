"""The audit trail in MongoDB."""

from collections.abc import Sequence
from typing import Any

from pymongo import DESCENDING, IndexModel
from pymongo.database import Database
from typing_extensions import override

from tasks.interviews.documents import to_document
from worker.adapters.mongo.client import Document, mapped_errors
from worker.ports import AuditTrail, Entry, TrailQuery


class MongoAudit(AuditTrail):
    """An `AuditTrail` in the collection `audit`, one document for each entry.

    Once the indexes exist, a role that may only `find` and `insert` is enough.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._documents = database["audit"]

    def prepare(self) -> None:
        """Create the indexes; idempotent."""
        with mapped_errors():
            self._documents.create_indexes(
                [
                    IndexModel([("tenant", 1), ("_id", DESCENDING)]),
                    IndexModel([("interview_id", 1)]),
                ]
            )

    @override
    def append(self, entry: Entry) -> None:
        document = to_document(entry)
        document["_id"] = document.pop("id")
        with mapped_errors():
            self._documents.insert_one(document)

    @override
    def find(self, query: TrailQuery) -> Sequence[Entry]:
        wanted: dict[str, Any] = {}
        if query.interview_id is not None:
            # Before the tenant: SecantusDB uses the index of the first condition (MongoDB does not
            # depend on the order).
            wanted["interview_id"] = query.interview_id
        wanted["tenant"] = query.tenant
        if query.after is not None:
            wanted["_id"] = {"$lt": query.after}
        with mapped_errors():
            found = self._documents.find(wanted, sort=[("_id", DESCENDING)], limit=query.limit)
            return [_entry(document) for document in found]


def _entry(document: Document) -> Entry:
    document["id"] = document.pop("_id")
    return Entry.model_validate(document)
