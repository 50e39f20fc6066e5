"""Queries for SecantusDB, the embedded database, whose planner uses few indexes.

SecantusDB serves a query from an index only if the index holds every condition, and each condition
is an equality or the last one a range. It scans the whole collection for `$or` and `$in`, and it
sorts all matches before it applies a limit (seen with version 0.7). The queries of
`MongoInterviews` give the same results there, but take as long as there are interviews.
"""

import heapq
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from pymongo.cursor import Cursor
from typing_extensions import override

from tasks.clock import now
from tasks.interviews.interview import FINAL, Interview, Priority, Stage, Status
from tasks.ports import Query
from worker.adapters.mongo.client import Document, mapped_errors
from worker.adapters.mongo.interviews import (
    HEAVY,
    LONG_AGO,
    NEWEST_FIRST,
    MongoInterviews,
    to_interview,
)

_FIRST_SPAN = timedelta(seconds=1)
_RESOLUTION = timedelta(milliseconds=1)
"""The resolution of times in the database."""
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class PortableInterviews(MongoInterviews):
    """`MongoInterviews` that splits three queries into indexed ones if the server is SecantusDB."""

    @cached_property
    def _is_embedded(self) -> bool:
        # Determined at the first query, since the server may be unavailable at start-up.
        with mapped_errors():
            build: dict[str, Any] = self._documents.database.client.admin.command("buildInfo")
        return "secantusVersion" in build

    @override
    def find(self, query: Query) -> Sequence[Interview]:
        if not self._is_embedded:
            return super().find(query)
        with mapped_errors():
            return [to_interview(found) for found in islice(self._newest(query), query.limit)]

    @override
    def find_lost_messages(
        self, stage: Stage, priority: Priority, before: datetime, limit: int
    ) -> Sequence[Interview]:
        if not self._is_embedded:
            return super().find_lost_messages(stage, priority, before, limit)
        found: list[Interview] = []
        for status in (stage.status, *([Status.QUEUED] if stage is Stage.TRANSCRIBE else [])):
            if len(found) < limit:
                condition = {
                    "status": str(status),
                    "priority": str(priority),
                    "wakes_at": None,
                    "message_at": {"$gt": LONG_AGO, "$lt": before},
                }
                found += self._find(condition, limit - len(found))
        return found

    @override
    def finished_before(self, tenant: str, before: datetime, limit: int) -> Sequence[str]:
        if not self._is_embedded:
            return super().finished_before(tenant, before, limit)
        found: list[str] = []
        for status in sorted(FINAL):
            query = {"tenant": tenant, "status": str(status), "created_at": {"$lt": before}}
            with mapped_errors():
                oldest_first = self._documents.find(
                    query, {"finished_at": True}, sort=[("created_at", 1), ("_id", 1)]
                )
                finished = (one["_id"] for one in oldest_first if one["finished_at"] < before)
                found += islice(finished, limit - len(found))
        return found

    def _newest(self, query: Query) -> Iterator[Document]:
        """The matching documents, newest first: one query for each status or type and time span.

        Types are filtered here if the query has statuses as well, for which there is no index.
        """
        equalities = _equalities(query)
        filters_types = bool(query.statuses and query.types)
        previous = None
        for times in _times(query):
            found = heapq.merge(
                *(
                    self._list({**equality, **times}, query.limit, filters_types)
                    for equality in equalities
                ),
                key=lambda document: (document["created_at"], document["_id"]),
                reverse=True,
            )
            for one in found:
                # An interview whose status changes between two queries is found by both.
                if one["_id"] != previous and (not filters_types or one["type"] in query.types):
                    previous = one["_id"]
                    yield one

    def _list(self, condition: Document, limit: int, filters_types: bool) -> Cursor[Document]:
        found = self._documents.find(condition, HEAVY, sort=NEWEST_FIRST)
        return found.batch_size(limit) if filters_types else found.limit(limit)


def _equalities(query: Query) -> list[Document]:
    """The equality conditions of each query; each is a prefix of an index."""
    tenant = {"tenant": query.tenant}
    if query.statuses:
        # In the order of the pipeline, so that an interview that moves on meanwhile is found.
        statuses = [status for status in Status if status in query.statuses]
        return [{**tenant, "status": str(status)} for status in statuses]
    if query.types:
        return [{**tenant, "type": one} for one in sorted(query.types)]
    return [tenant]


def _times(query: Query) -> Iterator[Document]:
    """Conditions on the creation time, latest first, in growing spans to limit each sort."""
    before = query.created_before
    if query.after is not None:
        moment, last = query.after
        if before is None or moment <= before:
            before = moment
            # The rest of those created at the same moment as the last one of the previous page.
            yield {"created_at": moment, "_id": {"$lt": last}}
    for start, end in _spans(query.created_from or LONG_AGO, before):
        # On a descending index, `$gte` does not find equal values in SecantusDB.
        yield {"created_at": {"$gt": start - _RESOLUTION, "$lt": end}}


def _spans(since: datetime, before: datetime | None) -> Iterator[tuple[datetime, datetime]]:
    """Split a range of time into spans, latest first, each eight times as long as the previous."""
    length, end = _FIRST_SPAN, before or _NEVER
    start = min(end, now())
    while since < end:
        start = start - length if start - since > length else since
        yield start, end
        end, length = start, length * 8
