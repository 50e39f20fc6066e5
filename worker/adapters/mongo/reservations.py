"""Reservations as MongoDB documents, one document for each holder."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from pymongo import IndexModel, WriteConcern
from pymongo.database import Database

from tasks.interviews.people import Interval
from tasks.ports import Hold
from worker.adapters.mongo.client import Document, DuplicateKey, mapped_errors

_BUCKET = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_BUFFER = timedelta(hours=2)
"""What `FollowUp.buffer_minutes` allows at most."""


class MongoReservations:
    """`Reservations` in the collection `reservations`.

    A document is all that one holder holds. Its `keys` name each bucket of five minutes of each
    resource, and a unique index over the elements of that array lets a key be in one document
    only. So a span of several resources is taken in one atomic insert, and exchanged for another
    in one atomic replacement: there is nothing to compensate after a conflict or a crash, which a
    document for each bucket would need, nor a transaction to repeat, and of many who compete one
    always wins.

    The keys cover a meeting and its buffer after it. That keeps meetings apart by the buffer of
    the earlier one; where the later one's is longer, it is compared with its neighbours once it is
    written, and taken back. (Keys for both buffers would keep meetings two buffers apart.)

    Documents vanish when their time has passed. Names of resources are e-mail addresses; only
    their hashes are stored.
    """

    def __init__(self, database: Database[Document]) -> None:
        # A hold that a fail-over could roll back would hold nothing.
        majority = WriteConcern("majority")
        self._holds = database.get_collection("reservations", write_concern=majority)

    def prepare(self) -> None:
        """Create the indexes, which all rests upon; doing it again changes nothing."""
        with mapped_errors():
            self._holds.create_indexes(
                [
                    IndexModel("keys", unique=True),
                    IndexModel([("resources", 1), ("end", 1)]),
                    IndexModel("until", expireAfterSeconds=0),
                ]
            )

    def overlapping(
        self, resources: Sequence[str], window: Interval, *, exclude: str
    ) -> Sequence[Hold]:
        """What others hold; see `Reservations.overlapping`."""
        around = window.padded(_MAX_BUFFER, _MAX_BUFFER)
        query = {
            "_id": {"$ne": exclude},
            "resources": {"$in": _hashed(resources)},
            "start": {"$lt": around.end},
            "end": {"$gt": around.start},
        }
        with mapped_errors():
            return [_hold(document) for document in self._holds.find(query, {"keys": False})]

    def holding(self, holder: str) -> Hold | None:
        """What a holder holds; see `Reservations.holding`."""
        with mapped_errors():
            document = self._holds.find_one({"_id": holder}, {"keys": False})
        return _hold(document) if document else None

    def reserve(
        self, holder: str, resources: Sequence[str], hold: Hold, *, instead_of: Hold | None
    ) -> bool:
        """Take a span of all resources, or none; see `Reservations.reserve`."""
        document = _document(holder, _hashed(resources), hold)
        if not self._write(document, instead_of):
            return False
        neighbours = self.overlapping(resources, hold.interval, exclude=holder)
        if any(hold.conflicts(other) for other in neighbours):
            self._remove(_exactly(holder, hold))
            return False
        return True

    def release(self, holder: str) -> None:
        """Give up what a holder holds; see `Reservations.release`."""
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
