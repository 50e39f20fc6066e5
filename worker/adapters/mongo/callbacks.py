"""Pending callbacks, stored in the documents of interviews."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pymongo import IndexModel
from pymongo.database import Database
from typing_extensions import override

from tasks.interviews.callbacks import Callback
from tasks.ports import CallbackStore
from worker.adapters.mongo.client import Document, mapped_errors


class MongoCallbacks(CallbackStore):
    """A `CallbackStore` in the array `callbacks` of the documents of `MongoInterviews`."""

    def __init__(self, database: Database[Document]) -> None:
        self._documents = database["interviews"]

    def prepare(self) -> None:
        """Create the index; idempotent."""
        with mapped_errors():
            self._documents.create_indexes([IndexModel([("callbacks.due", 1)], sparse=True)])

    @override
    def due(
        self, now: datetime, limit: int, *, exclude: Collection[str] = ()
    ) -> Sequence[Callback]:
        # No `$elemMatch`, since all callbacks of an interview have the same receiver.
        query: dict[str, Any] = {"callbacks.due": {"$lte": now}}
        if exclude:
            query["callbacks.receiver"] = {"$nin": sorted(exclude)}
        with mapped_errors():
            found = self._documents.find(
                query, {"callbacks": True}, sort=[("callbacks.due", 1)]
            ).limit(limit)
            recorded = [map(Callback.model_validate, one["callbacks"]) for one in found]
        return [min(of_one, key=lambda one: one.due) for of_one in recorded]

    @override
    def postpone(self, callback: Callback, due: datetime) -> None:
        this = {"event.id": callback.event.id, "attempts": callback.attempts}
        with mapped_errors():
            self._documents.update_one(
                {"_id": callback.event.interview_id, "callbacks": {"$elemMatch": this}},
                {"$set": {"callbacks.$.due": due}, "$inc": {"callbacks.$.attempts": 1}},
            )

    @override
    def remove(self, callback: Callback) -> None:
        with mapped_errors():
            self._documents.update_one(
                {"_id": callback.event.interview_id},
                {"$pull": {"callbacks": {"event.id": callback.event.id}}},
            )

    @override
    def stop(self, interview_id: str) -> None:
        with mapped_errors():
            self._documents.update_one(
                {"_id": interview_id}, {"$unset": {"callbacks": "", "callback_url": ""}}
            )
