"""Interviews as MongoDB documents, one document each, changed in single atomic updates."""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from pymongo import DESCENDING, IndexModel
from pymongo.cursor import Cursor
from pymongo.database import Database

from tasks.analysis.feedback import Feedback
from tasks.analysis.report import Report
from tasks.clock import now
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
from tasks.ports import Query
from worker.adapters.mongo.client import Document, DuplicateKey, mapped_errors
from worker.adapters.mongo.outbox import MongoOutbox

_HEAVY = {
    "transcript": False,
    "report": False,
    "outbox": False,
    "callbacks": False,
    "feedback": False,
    "feedback_at": False,
    "wakes_at": False,
}
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_WAKING = ("lease_until", "next_attempt_at")
"""Of these, one at most is not null."""

_FIRST_SPAN = timedelta(seconds=1)
_RESOLUTION = timedelta(milliseconds=1)
"""Of moments in the database."""
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)

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


class MongoInterviews(MongoOutbox):
    """An `InterviewStore` in the collection `interviews`.

    The document is the `Interview` with its id as `_id`, and beside it `transcript`, `report`,
    `feedback` with `feedback_at`, when the last of it was given, `outbox`, the events that are
    recorded and not yet published, `callbacks`, those that are not yet delivered, and `wakes_at`,
    when its lease lapses or an attempt is due.

    No query has an `$or` or `$and`: with them the embedded database reads the whole collection,
    whatever else they say.
    """

    def __init__(self, database: Database[Document]) -> None:
        super().__init__(database["interviews"])

    def prepare(self) -> None:
        """Create the indexes; doing it again changes nothing."""
        newest_first = [("created_at", DESCENDING), ("_id", DESCENDING)]
        with mapped_errors():
            self._documents.create_indexes(
                [
                    IndexModel([("tenant", 1), *newest_first]),
                    IndexModel([("tenant", 1), ("status", 1), *newest_first]),
                    IndexModel([("tenant", 1), ("type", 1), *newest_first]),
                    IndexModel([("outbox.at", 1)], sparse=True),
                    IndexModel([("feedback_at", 1)], sparse=True),
                    IndexModel(
                        [("status", 1), ("priority", 1), ("wakes_at", 1), ("message_at", 1)]
                    ),
                    IndexModel([("wakes_at", 1)], sparse=True),
                ]
            )

    def create(self, interview: Interview, *events: Event) -> None:
        """Store a new interview; see `InterviewStore.create`."""
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
            raise AlreadyExists(f"interview {interview.id} exists already") from error

    def get(self, interview_id: str) -> Interview:
        """Read an interview; see `InterviewStore.get`."""
        return _interview(self._read(interview_id, _HEAVY))

    def tenant_of(self, interview_id: str) -> str:
        """Tell whose it is; see `InterviewStore.tenant_of`."""
        with mapped_errors():
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
        with mapped_errors():
            return {
                AnalysisType(found["_id"]): (found["agreeing"], found["all"])
                for found in self._documents.aggregate(_AGREEMENT)
            }

    def find(self, query: Query) -> Sequence[Interview]:
        """List interviews; see `InterviewStore.find`."""
        with mapped_errors():
            return [_interview(document) for document in islice(self._newest(query), query.limit)]

    def _newest(self, query: Query) -> Iterator[Document]:
        """The documents of a query, newest first.

        A query names nothing but what one of the indexes has: the embedded database would take the
        first of its conditions alone else, and look through all interviews of the tenant. Whence
        one for each status or type, and a type looked at here where there is a status as well.
        """
        kinds = _kinds(query)
        looked_at = bool(query.statuses and query.types)
        before = None
        for moments in _moments(query):
            found = heapq.merge(
                *(self._list({**kind, **moments}, query.limit, looked_at) for kind in kinds),
                key=lambda document: (document["created_at"], document["_id"]),
                reverse=True,
            )
            for one in found:
                # One that moved on meanwhile is found in both of its statuses.
                if one["_id"] != before and (not looked_at or one["type"] in query.types):
                    before = one["_id"]
                    yield one

    def _list(self, condition: Document, limit: int, looked_at: bool) -> Cursor[Document]:
        newest_first = [("created_at", DESCENDING), ("_id", DESCENDING)]
        found = self._documents.find(condition, _HEAVY, sort=newest_first)
        return found.batch_size(limit) if looked_at else found.limit(limit)

    def apply(self, interview_id: str, change: Change) -> None:
        """Apply a change by one conditional update; see `InterviewStore.apply`."""
        condition: dict[str, Any] = {
            "_id": interview_id,
            "status": {"$in": sorted(change.when)},
            **to_document(change.match),
        }
        # What is null, or not there, is not greater.
        condition |= {path: {"$not": {"$gt": moment}} for path, moment in change.lapsed.items()}
        with mapped_errors():
            done = self._documents.update_one(condition, _update(change))
        if not done.matched_count:
            self._refuse(interview_id, change)

    def find_due(self, now: datetime, limit: int) -> Sequence[Interview]:
        """Find interviews to send on their way again; see `InterviewStore.find_due`."""
        return self._found(
            {
                "wakes_at": {"$gt": _LONG_AGO, "$lte": now},
                "status": {"$in": sorted(ACTIVE - {Status.QUEUED})},
            },
            limit,
        )

    def find_lost_messages(
        self, stage: Stage, priority: Priority, before: datetime, limit: int
    ) -> Sequence[Interview]:
        """Find interviews whose message is old; see `InterviewStore.find_lost_messages`."""
        statuses = [stage.status, *([Status.QUEUED] if stage is Stage.TRANSCRIBE else [])]
        found = (
            self._found(
                {
                    "status": str(status),
                    "priority": str(priority),
                    "wakes_at": None,
                    "message_at": {"$gt": _LONG_AGO, "$lt": before},
                },
                limit,
            )
            for status in statuses
        )
        return [one for each in found for one in each][:limit]

    def _found(self, query: dict[str, Any], limit: int) -> Sequence[Interview]:
        with mapped_errors():
            return [
                _interview(document)
                for document in self._documents.find(query, _HEAVY).limit(limit)
            ]

    def finished_before(self, tenant: str, before: datetime, limit: int) -> Sequence[str]:
        """Find interviews that have long been over; see `InterviewStore.finished_before`.

        The index of tenant, status and creation time serves it: what was over before a moment was
        created before it. When it was over is looked at here, since the embedded database uses an
        index only where it has all that is asked for.
        """
        found: list[str] = []
        for status in sorted(FINAL):
            query = {"tenant": tenant, "status": str(status), "created_at": {"$lt": before}}
            with mapped_errors():
                oldest_first = self._documents.find(
                    query, {"finished_at": True}, sort=[("created_at", 1), ("_id", 1)]
                )
                over = (one["_id"] for one in oldest_first if one["finished_at"] < before)
                found += islice(over, limit - len(found))
        return found

    def existing_ids(self, interview_ids: Collection[str]) -> frozenset[str]:
        """Tell those that are there; see `InterviewStore.existing_ids`."""
        with mapped_errors():
            found = self._documents.find({"_id": {"$in": list(interview_ids)}}, {"erased_at": True})
            return frozenset(one["_id"] for one in found if "erased_at" not in one)

    def erase(self, interview_id: str, now: datetime) -> None:
        """Replace the document by a tombstone; see `InterviewStore.erase`."""
        with mapped_errors():
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
            traceparent=found.get("traceparent"),
        )
        # Events that are still to be told of stay: they hold nothing about anybody.
        gone = dict.fromkeys((*found.keys() - {"_id", "tenant", "type"}, *_HEAVY), "")
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


def _interview(document: Document) -> Interview:
    document["id"] = document.pop("_id")
    return Interview.model_validate(document)


def _kinds(query: Query) -> list[Document]:
    """Conditions that tell interviews apart; each is the beginning of an index."""
    tenant = {"tenant": query.tenant}
    if query.statuses:
        # In the order of the pipeline, so that one that moves on meanwhile is not missed.
        statuses = [status for status in Status if status in query.statuses]
        return [{**tenant, "status": str(status)} for status in statuses]
    if query.types:
        return [{**tenant, "type": one} for one in sorted(query.types)]
    return [tenant]


def _moments(query: Query) -> Iterator[Document]:
    """Conditions on the time, the latest first.

    They are spans which grow: the embedded database reads and sorts all that a query finds before
    it applies a limit. Tombstones have no time, and so are not found.
    """
    before = query.created_before or _NEVER
    if query.after is not None:
        moment, last = query.after
        before = min(before, moment)
        # Those of the same moment as the last one of the page before.
        if before == moment:
            yield {"created_at": moment, "_id": {"$lt": last}}
    for since, until in _spans(query.created_from or _LONG_AGO, before):
        # In a descending index, `$gte` does not find equal ones in the embedded database.
        yield {"created_at": {"$gt": since - _RESOLUTION, "$lt": until}}


def _spans(since: datetime, before: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Cut a time into spans, the latest first, each eight times as long as the one after it."""
    length, start = _FIRST_SPAN, min(before, now())
    while since < before:
        start = start - length if start - since > length else since
        yield start, before
        before, length = start, length * 8


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
