"""Interviews in MongoDB: one document each, changed by single atomic updates."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any

from pymongo import DESCENDING, IndexModel
from pymongo.database import Database
from typing_extensions import override

from tasks.analysis.feedback import Feedback
from tasks.analysis.report import Report
from tasks.errors import AlreadyExists, Erased, IllegalTransition, NotFound, Superseded
from tasks.interviews.callbacks import callbacks
from tasks.interviews.documents import to_document
from tasks.interviews.events import Event, EventType, event_id
from tasks.interviews.interview import (
    ACTIVE,
    DEFAULT_TENANT,
    FINAL,
    AnalysisType,
    Interview,
    Priority,
    Stage,
    Status,
)
from tasks.interviews.transcript import Transcript
from tasks.interviews.transitions import Change
from tasks.ports import InterviewStore, Query, StageLoad
from worker.adapters.mongo.client import Document, DuplicateKey, mapped_errors
from worker.adapters.mongo.outbox import MongoOutbox

HEAVY = {
    "transcript": False,
    "report": False,
    "outbox": False,
    "callbacks": False,
    "feedback": False,
    "feedback_at": False,
    "wakes_at": False,
}
"""A projection without the fields that an `Interview` does not have."""
NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_WAKING = ("lease_until", "next_attempt_at")
"""The fields of which `wakes_at` is a copy; at most one of them is not null."""

_AGREEMENT: list[dict[str, Any]] = [
    {"$match": {"feedback_at": {"$gt": LONG_AGO}}},
    {"$project": {"each": {"$objectToArray": "$feedback"}}},
    {"$unwind": "$each"},
    {
        "$group": {
            "_id": "$each.v.type",
            "agreeing": {"$sum": {"$cond": ["$each.v.agrees", 1, 0]}},
            "all": {"$sum": 1},
        }
    },
]


class MongoInterviews(MongoOutbox, InterviewStore):
    """An `InterviewStore` in the collection `interviews`.

    A document holds the fields of an `Interview`, with its id as `_id`, and:

    - `transcript` and `report`;
    - `feedback`, and `feedback_at`, the time of the latest feedback;
    - `outbox`, the events that are not published yet;
    - `callbacks`, the webhook calls that are not delivered yet;
    - `wakes_at`, when the lease expires or the next attempt is due.
    """

    def __init__(self, database: Database[Document]) -> None:
        super().__init__(database["interviews"])

    def prepare(self) -> None:
        """Create the indexes; idempotent."""
        with mapped_errors():
            self._documents.create_indexes(
                [
                    IndexModel([("tenant", 1), *NEWEST_FIRST]),
                    IndexModel([("tenant", 1), ("status", 1), *NEWEST_FIRST]),
                    IndexModel([("tenant", 1), ("type", 1), *NEWEST_FIRST]),
                    IndexModel([("outbox.at", 1)], sparse=True),
                    IndexModel([("feedback_at", 1)], sparse=True),
                    IndexModel(
                        [("status", 1), ("priority", 1), ("wakes_at", 1), ("message_at", 1)]
                    ),
                    IndexModel([("wakes_at", 1)], sparse=True),
                ]
            )

    @override
    def create(self, interview: Interview, *events: Event) -> None:
        document = to_document(interview)
        document["_id"] = document.pop("id")
        document["wakes_at"] = None
        document |= {
            name: added["$each"] for name, added in _pushed(interview.callback_url, events).items()
        }
        try:
            with mapped_errors():
                self._documents.insert_one(document)
        except DuplicateKey as error:
            raise AlreadyExists(f"interview {interview.id} already exists") from error

    @override
    def get(self, interview_id: str) -> Interview:
        return to_interview(self._read(interview_id, HEAVY))

    @override
    def tenant_of(self, interview_id: str) -> str:
        with mapped_errors():
            found = self._documents.find_one({"_id": interview_id}, {"tenant": True})
        if found is None:
            raise NotFound(f"there is no interview {interview_id}")
        tenant: str = found.get("tenant", DEFAULT_TENANT)
        return tenant

    @override
    def transcript(self, interview_id: str) -> Transcript | None:
        found = self._read(interview_id, {"transcript": True, "erased_at": True})
        stored = found.get("transcript")
        return Transcript.model_validate(stored) if stored else None

    @override
    def report(self, interview_id: str) -> Report | None:
        found = self._read(interview_id, {"report": True, "erased_at": True})
        stored = found.get("report")
        return Report.model_validate(stored) if stored else None

    @override
    def feedback(self, interview_id: str) -> Sequence[Feedback]:
        found = self._read(interview_id, {"feedback": True, "erased_at": True})
        given = [Feedback.model_validate(each) for each in found.get("feedback", {}).values()]
        return sorted(given, key=lambda one: one.at)

    @override
    def agreement(self) -> Mapping[AnalysisType, tuple[int, int]]:
        # The sparse index of `feedback_at` leaves out the interviews without feedback.
        with mapped_errors():
            return {
                AnalysisType(found["_id"]): (found["agreeing"], found["all"])
                for found in self._documents.aggregate(_AGREEMENT)
            }

    @override
    def find(self, query: Query) -> Sequence[Interview]:
        return self._find(_condition(query), query.limit, sort=NEWEST_FIRST)

    @override
    def apply(self, interview_id: str, change: Change) -> None:
        condition: dict[str, Any] = {
            "_id": interview_id,
            "status": {"$in": sorted(change.when)},
            **to_document(change.match),
        }
        # `$not` also matches fields that are null or missing, unlike `$lte`.
        condition |= {path: {"$not": {"$gt": moment}} for path, moment in change.lapsed.items()}
        with mapped_errors():
            done = self._documents.update_one(condition, _update(change))
        if not done.matched_count:
            self._refuse(interview_id, change)

    @override
    def find_due(self, now: datetime, limit: int) -> Sequence[Interview]:
        return self._find(
            {
                "wakes_at": {"$gt": LONG_AGO, "$lte": now},
                "status": {"$in": sorted(ACTIVE - {Status.QUEUED})},
            },
            limit,
        )

    @override
    def find_lost_messages(
        self, stage: Stage, priority: Priority, before: datetime, limit: int
    ) -> Sequence[Interview]:
        return self._find(
            {
                "status": {"$in": sorted(_statuses(stage))},
                "priority": str(priority),
                "wakes_at": None,
                "message_at": {"$gt": LONG_AGO, "$lt": before},
            },
            limit,
        )

    @override
    def load(self) -> Mapping[Stage, StageLoad]:
        with mapped_errors():
            return {stage: self._load(stage) for stage in Stage}

    def _load(self, stage: Stage) -> StageLoad:
        statuses = _statuses(stage)
        # One query for each prefix of the index, which is in the order of `message_at`.
        oldest = [
            found["message_at"]
            for status, priority in product(statuses, Priority)
            for found in self._documents.find(
                {
                    "status": str(status),
                    "priority": str(priority),
                    "wakes_at": None,
                    "message_at": {"$gt": LONG_AGO},
                },
                {"message_at": True},
                sort=[("message_at", 1)],
                limit=1,
            )
        ]
        count = sum(self._documents.count_documents({"status": str(one)}) for one in statuses)
        return StageLoad(count, min(oldest, default=None))

    @override
    def finished_before(self, tenant: str, before: datetime, limit: int) -> Sequence[str]:
        query = {
            "tenant": tenant,
            "status": {"$in": sorted(FINAL)},
            # Implied by the next condition, but in the index.
            "created_at": {"$lt": before},
            "finished_at": {"$lt": before},
        }
        with mapped_errors():
            return [one["_id"] for one in self._documents.find(query, {"_id": True}, limit=limit)]

    @override
    def existing_ids(self, interview_ids: Collection[str]) -> frozenset[str]:
        with mapped_errors():
            found = self._documents.find({"_id": {"$in": list(interview_ids)}}, {"erased_at": True})
            return frozenset(one["_id"] for one in found if "erased_at" not in one)

    @override
    def erase(self, interview_id: str, now: datetime) -> None:
        with mapped_errors():
            found = self._documents.find_one({"_id": interview_id}, HEAVY)
        if found is None:
            raise NotFound(f"there is no interview {interview_id}")
        if "erased_at" in found:
            return
        event = Event(
            id=event_id(interview_id, EventType.ERASED, found["rounds"]),
            type=EventType.ERASED,
            interview_id=interview_id,
            at=now,
            facts={"type": found["type"]},
            traceparent=found.get("traceparent"),
        )
        # Unpublished events and callbacks stay: they contain no personal data.
        gone = dict.fromkeys((*found.keys() - {"_id", "tenant", "type"}, *HEAVY), "")
        del gone["outbox"], gone["callbacks"]
        with mapped_errors():
            done = self._documents.update_one(
                {"_id": interview_id, "status": {"$in": sorted(FINAL)}},
                {
                    "$unset": gone,
                    "$set": {"erased_at": now},
                    "$push": _pushed(found.get("callback_url"), [event]),
                },
            )
        if not done.matched_count:
            raise IllegalTransition("cannot erase: the interview is still being worked on")

    def _find(
        self, query: Document, limit: int, *, sort: Sequence[tuple[str, int]] | None = None
    ) -> list[Interview]:
        with mapped_errors():
            found = self._documents.find(query, HEAVY, sort=sort, limit=limit)
            return [to_interview(document) for document in found]

    def _read(self, interview_id: str, fields: dict[str, bool]) -> Document:
        with mapped_errors():
            found = self._documents.find_one({"_id": interview_id}, fields)
        if found is None:
            raise NotFound(f"there is no interview {interview_id}")
        if "erased_at" in found:
            raise Erased(f"interview {interview_id} was erased")
        return found

    def _refuse(self, interview_id: str, change: Change) -> None:
        status = self._read(interview_id, {"status": True, "erased_at": True})["status"]
        if status in change.when:
            raise Superseded(f"cannot {change.name}: the interview has moved on")
        raise IllegalTransition(f"cannot {change.name}: the interview is {status}")


def _statuses(stage: Stage) -> set[Status]:
    """The statuses of interviews whose current stage it is."""
    return {stage.status} | ({Status.QUEUED} if stage is Stage.TRANSCRIBE else set())


def to_interview(document: Document) -> Interview:
    """Build an interview from its document, which it changes."""
    document["id"] = document.pop("_id")
    return Interview.model_validate(document)


def _condition(query: Query) -> Document:
    # Tombstones of erased interviews have no creation time, so no range of it includes them.
    created: Document = {"$gte": query.created_from or LONG_AGO}
    condition: Document = {"tenant": query.tenant, "created_at": created}
    if query.created_before is not None:
        created["$lt"] = query.created_before
    if query.statuses:
        condition["status"] = {"$in": sorted(query.statuses)}
    if query.types:
        condition["type"] = {"$in": sorted(query.types)}
    if query.after is not None:
        moment, last = query.after
        # Bounds the scan of the index; an `$or` alone does not.
        created["$lte"] = moment
        condition["$or"] = [
            {"created_at": {"$lt": moment}},
            {"created_at": moment, "_id": {"$lt": last}},
        ]
    return condition


def _update(change: Change) -> dict[str, Any]:
    values = dict(to_document(change.values))
    if change.to is not None:
        values["status"] = str(change.to)
    moments = [values[name] for name in _WAKING if name in values]
    if moments:
        values["wakes_at"] = next(filter(None, moments), None)
    update: dict[str, Any] = {"$set": values}
    if change.increments:
        update["$inc"] = dict.fromkeys(change.increments, 1)
    if change.events:
        update["$push"] = _pushed(change.callback_url, change.events)
    return update


def _pushed(callback_url: str | None, events: Sequence[Event]) -> dict[str, dict[str, Any]]:
    pushed = {"outbox": {"$each": to_document(events)}}
    if callback_url is not None:
        pushed["callbacks"] = {"$each": to_document(callbacks(callback_url, *events))}
    return pushed
