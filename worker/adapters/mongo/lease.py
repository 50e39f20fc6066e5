"""Leases in MongoDB."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pymongo
from pymongo.database import Database
from typing_extensions import override

from worker.adapters.mongo.client import Document, DuplicateKey, mapped_errors
from worker.ports import Lease

_TIMEOUT = 2.0
"""Seconds for one operation, so that a renewal can be repeated before the lease lapses."""


class MongoLease(Lease):
    """A document in the collection `leases`, which changes with every renewal.

    No clock of a host or of the server is compared with another: a candidate measures for how long
    the document has not changed, and takes it over in an update that fails if it has changed since.
    This is the algorithm of Kubernetes' client for Go, see
    https://pkg.go.dev/k8s.io/client-go/tools/leaderelection.

    Args:
        database: The database.
        name: The name of the lease, such as `reconciler`.
    """

    def __init__(self, database: Database[Document], name: str) -> None:
        self._leases = database["leases"]
        self._name = name
        self._owner = uuid4().hex
        self._seen: Document | None = None
        self._seen_at = 0.0

    @override
    def acquire(self, seconds: float) -> bool:
        with _operation():
            found = self._leases.find_one({"_id": self._name})
        moment = time.monotonic()
        if found is None:
            return self._insert(seconds)
        if found["owner"] == self._owner:
            # An update of ours was applied although its answer was lost.
            return self.renew()
        if found != self._seen:
            self._seen, self._seen_at = found, moment
        if moment - self._seen_at < found.get("seconds", seconds):
            return False
        with _operation():
            update = {"$set": {"owner": self._owner, "seconds": seconds, "renewals": 0}}
            return self._leases.update_one(found, update).matched_count == 1

    @override
    def renew(self) -> bool:
        with _operation():
            mine = {"_id": self._name, "owner": self._owner}
            return self._leases.update_one(mine, {"$inc": {"renewals": 1}}).matched_count == 1

    @override
    def release(self) -> None:
        with _operation():
            self._leases.delete_one({"_id": self._name, "owner": self._owner})

    def _insert(self, seconds: float) -> bool:
        mine = {"_id": self._name, "owner": self._owner, "seconds": seconds, "renewals": 0}
        try:
            with _operation():
                self._leases.insert_one(mine)
        except DuplicateKey:
            return False
        return True


@contextmanager
def _operation() -> Iterator[None]:
    with mapped_errors(), pymongo.timeout(_TIMEOUT):
        yield
