"""A transactional outbox: events stored in documents until they are published."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo import UpdateOne
from pymongo.collection import Collection
from typing_extensions import override

from tasks.interviews.events import Event
from tasks.ports import Outbox
from worker.adapters.mongo.client import Document, mapped_errors

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class MongoOutbox(Outbox):
    """An `Outbox` in the array `outbox` of the documents of a collection.

    Args:
        documents: The collection; it should have a sparse index on `outbox.at`.
    """

    def __init__(self, documents: Collection[Document]) -> None:
        self._documents = documents

    @override
    def pending_events(self, limit: int) -> Sequence[Event]:
        with mapped_errors():
            found = self._documents.find(
                {"outbox.at": {"$gt": _LONG_AGO}}, {"outbox": True}, sort=[("outbox.at", 1)]
            ).limit(limit)
            return [Event.model_validate(event) for one in found for event in one["outbox"]]

    @override
    def mark_published(self, events: Sequence[Event]) -> None:
        ids: dict[str, list[str]] = {}
        for event in events:
            ids.setdefault(event.interview_id, []).append(event.id)
        updates = [
            UpdateOne({"_id": interview}, {"$pull": {"outbox": {"id": {"$in": published}}}})
            for interview, published in ids.items()
        ]
        if updates:
            with mapped_errors():
                self._documents.bulk_write(updates, ordered=False)
