"""Leader election by a lease in MongoDB."""

from datetime import timedelta
from uuid import uuid4

from pymongo.database import Database
from typing_extensions import override

from tasks.clock import now
from worker.adapters.mongo.client import Document, DuplicateKey, mapped_errors
from worker.ports import Leadership


class MongoLeadership(Leadership):
    """A lease in the collection `leases`.

    Args:
        database: The database.
        name: The name of the lease, such as `reconciler`.
    """

    def __init__(self, database: Database[Document], name: str) -> None:
        self._leases = database["leases"]
        self._name = name
        self._owner = uuid4().hex

    @override
    def acquire(self, seconds: float) -> bool:
        moment = now()
        try:
            with mapped_errors():
                self._leases.update_one(
                    {
                        "_id": self._name,
                        "$or": [{"owner": self._owner}, {"until": {"$lte": moment}}],
                    },
                    {"$set": {"owner": self._owner, "until": moment + timedelta(seconds=seconds)}},
                    upsert=True,
                )
        except DuplicateKey:
            # Another process holds the lease: the upsert found no match and tried to insert.
            return False
        return True
