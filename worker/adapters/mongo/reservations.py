"""Reservations in MongoDB, one document for each holder."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from pymongo import IndexModel, WriteConcern
from pymongo.database import Database
from typing_extensions import override

from tasks.interviews.people import Interval
from tasks.ports import Hold, Reservations
from worker.adapters.mongo.client import Document, DuplicateKey, mapped_errors

_BUCKET = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_BUFFER = timedelta(hours=2)
"""The maximum of `FollowUp.buffer_minutes`."""


class MongoReservations(Reservations):
    """`Reservations` in the collection `reservations`.

    A document holds all reservations of one holder. Its `keys` name each five-minute bucket of
    each resource, and a unique index on the elements of that array allows a key in one document
    only. A span of several resources is therefore reserved by one atomic insert and exchanged by
    one atomic replacement. One document for each bucket would need compensation after a conflict
    or a crash, and a transaction would need retries. Of several competing writers one always
    succeeds.

    The keys cover a meeting and the buffer after it, which separates meetings by the buffer of the
    earlier one. If the later meeting has the longer buffer, its reservation is written first, then
    compared with its neighbours, and removed if they conflict. (Keys for both buffers would
    separate meetings by two buffers.)

    A TTL index deletes documents after the meeting. Resources are named by e-mail address; only
    hashes of the addresses are stored.
    """

    def __init__(self, database: Database[Document]) -> None:
        # A fail-over must not roll a reservation back.
        majority = WriteConcern("majority")
        self._holds = database.get_collection("reservations", write_concern=majority)

    def prepare(self) -> None:
        """Create the indexes, on which correctness depends; idempotent."""
        with mapped_errors():
            self._holds.create_indexes(
                [
                    IndexModel("keys", unique=True),
                    IndexModel([("resources", 1), ("end", 1)]),
                    IndexModel("until", expireAfterSeconds=0),
                ]
            )

    @override
    def overlapping(
        self, resources: Sequence[str], window: Interval, *, exclude: str
    ) -> Sequence[Hold]:
        around = window.padded(_MAX_BUFFER, _MAX_BUFFER)
        query = {
            "_id": {"$ne": exclude},
            "resources": {"$in": _hashed(resources)},
            "start": {"$lt": around.end},
            "end": {"$gt": around.start},
        }
        with mapped_errors():
            return [_hold(document) for document in self._holds.find(query, {"keys": False})]

    @override
    def holding(self, holder: str) -> Hold | None:
        with mapped_errors():
            document = self._holds.find_one({"_id": holder}, {"keys": False})
        return _hold(document) if document else None

    @override
    def reserve(
        self, holder: str, resources: Sequence[str], hold: Hold, *, instead_of: Hold | None
    ) -> bool:
        document = _document(holder, _hashed(resources), hold)
        if not self._write(document, instead_of):
            return False
        neighbours = self.overlapping(resources, hold.interval, exclude=holder)
        if any(hold.conflicts(other) for other in neighbours):
            self._remove(_exactly(holder, hold))
            return False
        return True

    @override
    def release(self, holder: str) -> None:
        self._remove({"_id": holder})

    def _write(self, document: Document, instead_of: Hold | None) -> bool:
        try:
            with mapped_errors():
                if instead_of is None:
                    self._holds.insert_one(document)
                    return True
                former = _exactly(document["_id"], instead_of)
                return self._holds.replace_one(former, document).matched_count == 1
        except DuplicateKey:
            return False

    def _remove(self, query: Document) -> None:
        with mapped_errors():
            self._holds.delete_one(query)


def _document(holder: str, resources: list[str], hold: Hold) -> Document:
    end = hold.interval.end + hold.buffer
    buckets = range(
        (hold.interval.start - _EPOCH) // _BUCKET,
        -((_EPOCH - end) // _BUCKET),  # rounded up
    )
    return {
        **_exactly(holder, hold),
        "resources": resources,
        "keys": [f"{resource}:{bucket}" for resource in resources for bucket in buckets],
        "until": end,
    }


def _exactly(holder: str, hold: Hold) -> Document:
    return {
        "_id": holder,
        "start": hold.interval.start,
        "end": hold.interval.end,
        "buffer": hold.buffer // timedelta(minutes=1),
        "provider": hold.provider,
    }


def _hold(document: Document) -> Hold:
    return Hold(
        Interval(start=_aware(document["start"]), end=_aware(document["end"])),
        timedelta(minutes=document["buffer"]),
        document.get("provider"),
    )


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _hashed(resources: Iterable[str]) -> list[str]:
    names = {resource.casefold().encode() for resource in resources}
    return sorted(blake2b(name, digest_size=8).hexdigest() for name in names)
