"""Pending requests for interviews, in MongoDB."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pymongo import IndexModel
from pymongo.database import Database
from typing_extensions import override

from tasks.errors import NotFound, Superseded
from tasks.interviews.documents import to_document
from tasks.interviews.events import Event
from worker.adapters.mongo.client import Document, DuplicateKey, mapped_errors
from worker.adapters.mongo.outbox import MongoOutbox
from worker.ports import PendingRequest, RequestStore

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_REMEMBERED = 30 * 24 * 3600
"""Seconds to remember a refused request, in case it is delivered again."""


class MongoRequests(MongoOutbox, RequestStore):
    """A `RequestStore` in the collection `requests`.

    A document holds the fields of a `PendingRequest`, with its id as `_id`, and `run`, the run
    that holds its lease, and `wakes_at`, when the lease expires or the next attempt is due. A
    refused request keeps only `refused_at` and, in `outbox`, the event with the reason.
    """

    def __init__(self, database: Database[Document]) -> None:
        super().__init__(database["requests"])

    def prepare(self) -> None:
        """Create the indexes; idempotent."""
        with mapped_errors():
            self._documents.create_indexes(
                [
                    IndexModel([("outbox.at", 1)], sparse=True),
                    IndexModel([("message_at", 1)], sparse=True),
                    IndexModel([("wakes_at", 1)], sparse=True),
                    IndexModel("refused_at", expireAfterSeconds=_REMEMBERED),
                ]
            )

    @override
    def add(self, request: PendingRequest) -> None:
        document = to_document(request)
        document["_id"] = document.pop("id")
        with suppress(DuplicateKey), mapped_errors():
            self._documents.insert_one(document)

    @override
    def begin(self, request_id: str, run: str, now: datetime, until: datetime) -> PendingRequest:
        free = {"lease_until": {"$not": {"$gt": now}}}
        values = {
            "run": run,
            "lease_until": until,
            "next_attempt_at": None,
            "wakes_at": until,
        }
        self._update({"_id": request_id, **free}, {"$set": values, "$inc": {"attempts": 1}})
        with mapped_errors():
            found = self._documents.find_one({"_id": request_id})
        if found is None:
            raise NotFound(f"there is no request {request_id}")
        return _request(found)

    @override
    def renew(self, request_id: str, run: str, until: datetime) -> None:
        self._update(
            {"_id": request_id, "run": run}, {"$set": {"lease_until": until, "wakes_at": until}}
        )

    @override
    def postpone(self, request_id: str, run: str, due: datetime) -> None:
        values = {"run": None, "lease_until": None, "next_attempt_at": due, "wakes_at": due}
        self._update({"_id": request_id, "run": run}, {"$set": values})

    @override
    def refuse(self, request_id: str, run: str, event: Event) -> None:
        gone = dict.fromkeys((*PendingRequest.model_fields.keys() - {"id"}, "run", "wakes_at"), "")
        values = {"refused_at": event.at, "outbox": [to_document(event)]}
        self._update({"_id": request_id, "run": run}, {"$unset": gone, "$set": values})

    @override
    def remove(self, request_id: str) -> None:
        with mapped_errors():
            self._documents.delete_one({"_id": request_id, "refused_at": None})

    @override
    def find_due(self, now: datetime, limit: int) -> Sequence[PendingRequest]:
        return self._found({"wakes_at": {"$gt": _LONG_AGO, "$lte": now}}, limit)

    @override
    def find_lost_messages(self, before: datetime, limit: int) -> Sequence[PendingRequest]:
        return self._found(
            {
                "message_at": {"$gt": _LONG_AGO, "$lt": before},
                "lease_until": None,
                "next_attempt_at": None,
            },
            limit,
        )

    @override
    def dispatched(self, request: PendingRequest, now: datetime) -> bool:
        read = {
            "attempts": request.attempts,
            "message_at": request.message_at,
            "lease_until": request.lease_until,
            "next_attempt_at": request.next_attempt_at,
        }
        values = {
            "message_at": now,
            "lease_until": None,
            "next_attempt_at": None,
            "wakes_at": None,
        }
        with mapped_errors():
            done = self._documents.update_one({"_id": request.id, **read}, {"$set": values})
        return bool(done.matched_count)

    def _update(self, condition: Mapping[str, Any], update: Mapping[str, Any]) -> None:
        with mapped_errors():
            done = self._documents.update_one({"refused_at": None, **condition}, update)
            if done.matched_count:
                return
            found = self._documents.find_one({"_id": condition["_id"]}, {"refused_at": True})
        if found is None or "refused_at" in found:
            raise NotFound(f"there is no request {condition['_id']}")
        raise Superseded("another run has the request")

    def _found(self, query: dict[str, Any], limit: int) -> list[PendingRequest]:
        with mapped_errors():
            return [_request(document) for document in self._documents.find(query).limit(limit)]


def _request(document: Document) -> PendingRequest:
    document["id"] = document.pop("_id")
    document.pop("wakes_at", None)
    return PendingRequest.model_validate(document)
