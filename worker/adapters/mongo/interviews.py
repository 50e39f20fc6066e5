"""Interviews as MongoDB documents, one document each, changed in single atomic updates."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import DESCENDING, IndexModel, UpdateOne
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from tasks.callbacks import callbacks
from tasks.changes import Change
from tasks.errors import AlreadyExists, Erased, IllegalTransition, NotFound, Superseded
from tasks.events import Event, EventType, event_id
from tasks.feedback import Feedback
from tasks.interview import (
    ACTIVE,
    DEFAULT_TENANT,
    FINAL,
    AnalysisType,
    Interview,
    Priority,
    Stage,
    Status,
)
from tasks.plain import plain
from tasks.ports import Query
from tasks.report import Report
from tasks.transcript import Transcript
from worker.adapters.mongo.client import Document, translated

_HEAVY = {
    "transcript": False,
    "report": False,
    "outbox": False,
    "callbacks": False,
    "feedback": False,
    "feedback_at": False,
}
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_AGREEMENT: list[dict[str, Any]] = [
    {"$match": {"feedback_at": {"$gt": _LONG_AGO}}},
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


class MongoInterviews:
    """An `InterviewStore` in the collection `interviews`.

    The document is the `Interview` with its id as `_id`, and beside it `transcript`, `report`,
    `feedback` with `feedback_at`, when the last of it was given, `outbox`, the events that are
    recorded and not yet published, and `callbacks`, those that are not yet delivered.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._documents = database["interviews"]

    def prepare(self) -> None:
        """Create the indexes; doing it again changes nothing."""
        newest_first = [("created_at", DESCENDING), ("_id", DESCENDING)]
        with translated():
            self._documents.create_indexes(
                [
                    IndexModel([("tenant", 1), *newest_first]),
                    IndexModel([("tenant", 1), ("status", 1), *newest_first]),
                    IndexModel([("tenant", 1), ("type", 1), *newest_first]),
                    IndexModel([("status", 1)]),
                    IndexModel([("outbox.at", 1)], sparse=True),
                    IndexModel([("feedback_at", 1)], sparse=True),
                    IndexModel([("message_at", 1)], sparse=True),
                ]
            )

    def create(self, interview: Interview, *events: Event) -> None:
        """Store a new interview; see `InterviewStore.create`."""
        document = plain(interview)
        document["_id"] = document.pop("id")
        document |= {
            name: added["$each"] for name, added in _pushed(interview.callback_url, events).items()
        }
        try:
            with translated():
                self._documents.insert_one(document)
        except Exception as error:
            if isinstance(error.__cause__, DuplicateKeyError):
                raise AlreadyExists(f"interview {interview.id} exists already") from error
            raise

    def get(self, interview_id: str) -> Interview:
        """Read an interview; see `InterviewStore.get`."""
        return _interview(self._read(interview_id, _HEAVY))

    def owner(self, interview_id: str) -> str:
        """Tell whose it is; see `InterviewStore.owner`."""
        with translated():
            found = self._documents.find_one({"_id": interview_id}, {"tenant": True})
        if found is None:
            raise NotFound(f"there is no interview {interview_id}")
        tenant: str = found.get("tenant", DEFAULT_TENANT)
        return tenant

    def transcript(self, interview_id: str) -> Transcript | None:
        """Read the transcript; see `InterviewStore.transcript`."""
        found = self._read(interview_id, {"transcript": True, "erased_at": True})
        stored = found.get("transcript")
        return Transcript.model_validate(stored) if stored else None

    def report(self, interview_id: str) -> Report | None:
        """Read the analysis; see `InterviewStore.report`."""
        found = self._read(interview_id, {"report": True, "erased_at": True})
        stored = found.get("report")
        return Report.model_validate(stored) if stored else None

    def feedback(self, interview_id: str) -> Sequence[Feedback]:
        """Read what people say; see `InterviewStore.feedback`."""
        found = self._read(interview_id, {"feedback": True, "erased_at": True})
        given = [Feedback.model_validate(each) for each in found.get("feedback", {}).values()]
        return sorted(given, key=lambda one: one.at)

    def agreement(self) -> Mapping[AnalysisType, tuple[int, int]]:
        """Count the feedback; see `InterviewStore.agreement`.

        It takes as long as there are interviews with feedback; all others cost nothing.
        """
        with translated():
            return {
                AnalysisType(found["_id"]): (found["agreeing"], found["all"])
                for found in self._documents.aggregate(_AGREEMENT)
            }

    def find(self, query: Query) -> Sequence[Interview]:
        """List interviews; see `InterviewStore.find`."""
        with translated():
            found = self._documents.find(
                _filter(query),
                _HEAVY,
                sort=[("created_at", DESCENDING), ("_id", DESCENDING)],
                limit=query.limit,
            )
            return [_interview(document) for document in found]

    def apply(self, interview_id: str, change: Change) -> None:
        """Apply a change by one conditional update; see `InterviewStore.apply`."""
        condition: dict[str, Any] = {
            "_id": interview_id,
            "status": {"$in": sorted(change.when)},
            **plain(change.match),
        }
        # Null comes before all moments, where it is not left out.
        conditions = [
            {"$or": [{path: None}, {path: {"$lte": moment}}]}
            for path, moment in change.lapsed.items()
        ]
        if conditions:
            condition["$and"] = conditions
        with translated():
            done = self._documents.update_one(condition, _update(change))
        if not done.matched_count:
            self._refuse(interview_id, change)

    def stuck(self, now: datetime, limit: int) -> Sequence[Interview]:
        """Find interviews to send on their way again; see `InterviewStore.stuck`."""
        return self._found(
            {
                "status": {"$in": sorted(ACTIVE - {Status.QUEUED})},
                "$or": [
                    {"lease_until": {"$gt": _LONG_AGO, "$lte": now}},
                    {"next_attempt_at": {"$gt": _LONG_AGO, "$lte": now}},
                ],
            },
            limit,
        )

    def unheard(
        self, stage: Stage, priority: Priority, before: datetime, limit: int
    ) -> Sequence[Interview]:
        """Find interviews whose message is old; see `InterviewStore.unheard`."""
        statuses = {stage.status} | ({Status.QUEUED} if stage is Stage.TRANSCRIBE else set())
        return self._found(
            {
                "message_at": {"$gt": _LONG_AGO, "$lt": before},
                "status": {"$in": sorted(statuses)},
                "priority": str(priority),
                "lease_until": None,
                "next_attempt_at": None,
            },
            limit,
        )

    def _found(self, query: dict[str, Any], limit: int) -> Sequence[Interview]:
        with translated():
            return [
                _interview(document)
                for document in self._documents.find(query, _HEAVY).limit(limit)
            ]

    def erase(self, interview_id: str, now: datetime) -> None:
        """Replace the document by a tombstone; see `InterviewStore.erase`."""
        with translated():
            found = self._documents.find_one({"_id": interview_id}, _HEAVY)
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
        )
        # Events that are still to be told of stay: they hold nothing about anybody.
        gone = dict.fromkeys((*found.keys() - {"_id", "tenant", "type", "created_at"}, *_HEAVY), "")
        del gone["outbox"], gone["callbacks"]
        with translated():
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

    def pending_events(self, limit: int) -> Sequence[Event]:
        """Read the outboxes; see `InterviewStore.pending_events`."""
        with translated():
            found = self._documents.find(
                {"outbox.at": {"$gt": _LONG_AGO}}, {"outbox": True}, sort=[("outbox.at", 1)]
            ).limit(limit)
            return [Event.model_validate(event) for one in found for event in one["outbox"]]

    def mark_published(self, events: Sequence[Event]) -> None:
        """Take events out of the outboxes; see `InterviewStore.mark_published`."""
        ids: dict[str, list[str]] = {}
        for event in events:
            ids.setdefault(event.interview_id, []).append(event.id)
        updates = [
            UpdateOne({"_id": interview}, {"$pull": {"outbox": {"id": {"$in": published}}}})
            for interview, published in ids.items()
        ]
        if updates:
            with translated():
                self._documents.bulk_write(updates, ordered=False)

    def _read(self, interview_id: str, fields: dict[str, bool]) -> Document:
        with translated():
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


def _interview(document: Document) -> Interview:
    document["id"] = document.pop("_id")
    return Interview.model_validate(document)


def _filter(query: Query) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = [{"tenant": query.tenant, "erased_at": None}]
    if query.statuses:
        conditions.append({"status": {"$in": sorted(query.statuses)}})
    if query.types:
        conditions.append({"type": {"$in": sorted(query.types)}})
    if query.created_from:
        conditions.append({"created_at": {"$gte": query.created_from}})
    if query.created_before:
        conditions.append({"created_at": {"$lt": query.created_before}})
    if query.after:
        moment, last = query.after
        conditions.append(
            {"$or": [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": last}}]}
        )
    return {"$and": conditions}


def _update(change: Change) -> dict[str, Any]:
    values = dict(plain(change.values))
    if change.to is not None:
        values["status"] = str(change.to)
    update: dict[str, Any] = {"$set": values}
    if change.increments:
        update["$inc"] = dict.fromkeys(change.increments, 1)
    if change.events:
        update["$push"] = _pushed(change.callback_url, change.events)
    return update


def _pushed(callback_url: str | None, events: Sequence[Event]) -> dict[str, dict[str, Any]]:
    pushed = {"outbox": {"$each": plain(events)}}
    if callback_url is not None:
        pushed["callbacks"] = {"$each": plain(callbacks(callback_url, *events))}
    return pushed
