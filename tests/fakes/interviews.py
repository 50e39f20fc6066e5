"""An `InterviewStore` in a dictionary."""

import copy
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from tasks.analysis.feedback import Feedback
from tasks.analysis.report import Report
from tasks.errors import AlreadyExists, Erased, IllegalTransition, NotFound, Superseded
from tasks.interviews.callbacks import Callback, callbacks
from tasks.interviews.documents import to_document
from tasks.interviews.events import Event, EventType, event_id
from tasks.interviews.interview import FINAL, AnalysisType, Interview, Priority, Stage
from tasks.interviews.transcript import Transcript
from tasks.interviews.transitions import Change
from tasks.ports import Query, StageLoad


class MemoryInterviews:
    def __init__(self) -> None:
        self._documents: dict[str, dict[str, Any]] = {}
        self._outbox: list[Event] = []
        self.callbacks: list[Callback] = []

    def create(self, interview: Interview, *events: Event) -> None:
        if interview.id in self._documents:
            raise AlreadyExists(f"interview {interview.id} already exists")
        self._documents[interview.id] = to_document(interview)
        self._record(events, interview.callback_url)

    def get(self, interview_id: str) -> Interview:
        return _interview(self._read(interview_id))

    def tenant_of(self, interview_id: str) -> str:
        if interview_id not in self._documents:
            raise NotFound(f"there is no interview {interview_id}")
        tenant: str = self._documents[interview_id]["tenant"]
        return tenant

    def transcript(self, interview_id: str) -> Transcript | None:
        stored = self._read(interview_id).get("transcript")
        return Transcript.model_validate(stored) if stored else None

    def report(self, interview_id: str) -> Report | None:
        stored = self._read(interview_id).get("report")
        return Report.model_validate(stored) if stored else None

    def feedback(self, interview_id: str) -> Sequence[Feedback]:
        return sorted(_feedback(self._read(interview_id)), key=lambda one: one.at)

    def agreement(self) -> Mapping[AnalysisType, tuple[int, int]]:
        found: dict[AnalysisType, tuple[int, int]] = {}
        for one in chain.from_iterable(map(_feedback, self._documents.values())):
            agreeing, together = found.get(one.type, (0, 0))
            found[one.type] = agreeing + one.agrees, together + 1
        return found

    def find(self, query: Query) -> Sequence[Interview]:
        alive = (_interview(d) for d in self._documents.values() if "erased_at" not in d)
        newest = sorted(alive, key=lambda one: (one.created_at, one.id), reverse=True)
        return [one for one in newest if _matches(one, query)][: query.limit]

    def apply(self, interview_id: str, change: Change) -> None:
        document = self._read(interview_id)
        if document["status"] not in change.when:
            status = document["status"]
            raise IllegalTransition(f"cannot {change.name}: the interview is {status}")
        if any(_at(document, path) != to_document(value) for path, value in change.match.items()):
            raise Superseded(f"cannot {change.name}: the interview has moved on")
        for path, moment in change.lapsed.items():
            if (_at(document, path) or moment) > moment:
                raise Superseded(f"cannot {change.name}: the interview has moved on")
        for path, value in change.values.items():
            _put(document, path, to_document(value))
        for path in change.increments:
            _put(document, path, _at(document, path) + 1)
        if change.to is not None:
            document["status"] = str(change.to)
        self._record(change.events, change.callback_url)

    def find_due(self, now: datetime, limit: int) -> Sequence[Interview]:
        def is_due(one: Interview) -> bool:
            return any(
                at is not None and at <= now for at in (one.lease_until, one.next_attempt_at)
            )

        return [one for one in self._active() if is_due(one)][:limit]

    def find_lost_messages(
        self, stage: Stage, priority: Priority, before: datetime, limit: int
    ) -> Sequence[Interview]:
        return [
            one
            for one in self._active()
            if one.current_stage is stage
            and one.priority is priority
            and one.message_at is not None
            and one.message_at < before
            and one.lease_until is one.next_attempt_at is None
        ][:limit]

    def load(self) -> Mapping[Stage, StageLoad]:
        return {stage: self._load(stage) for stage in Stage}

    def _load(self, stage: Stage) -> StageLoad:
        found = [one for one in self._active() if one.current_stage is stage]
        waiting = [one for one in found if one.lease_until is one.next_attempt_at is None]
        sent = [one.message_at for one in waiting if one.message_at is not None]
        return StageLoad(len(found), min(sent, default=None))

    def _active(self) -> list[Interview]:
        alive = (_interview(d) for d in self._documents.values() if "erased_at" not in d)
        return [one for one in alive if not one.status.final]

    def finished_before(self, tenant: str, before: datetime, limit: int) -> Sequence[str]:
        alive = (_interview(d) for d in self._documents.values() if "erased_at" not in d)
        return [
            one.id
            for one in sorted(alive, key=lambda one: (one.status, one.created_at, one.id))
            if one.tenant == tenant
            and one.status.final
            and one.finished_at is not None
            and one.finished_at < before
        ][:limit]

    def existing_ids(self, interview_ids: Collection[str]) -> frozenset[str]:
        alive = {key for key, d in self._documents.items() if "erased_at" not in d}
        return frozenset(interview_ids) & alive

    def erase(self, interview_id: str, now: datetime) -> None:
        try:
            document = self._read(interview_id)
        except Erased:
            return
        if document["status"] not in FINAL:
            raise IllegalTransition("cannot erase: the interview is still being worked on")
        self._documents[interview_id] = {
            "id": interview_id,
            "tenant": document["tenant"],
            "type": document["type"],
            "erased_at": now,
        }
        event = Event(
            id=event_id(interview_id, EventType.ERASED, document["rounds"]),
            type=EventType.ERASED,
            interview_id=interview_id,
            at=now,
            facts={"type": document["type"]},
        )
        self._record([event], document.get("callback_url"))

    def pending_events(self, limit: int) -> Sequence[Event]:
        return self._outbox[:limit]

    def mark_published(self, events: Sequence[Event]) -> None:
        published = {event.id for event in events}
        self._outbox = [event for event in self._outbox if event.id not in published]

    def forget_callback_url(self, interview_id: str) -> None:
        self._documents[interview_id].pop("callback_url", None)

    def _record(self, events: Sequence[Event], callback_url: str | None) -> None:
        self._outbox += events
        self.callbacks += callbacks(callback_url, *events)

    def _read(self, interview_id: str) -> dict[str, Any]:
        document = self._documents.get(interview_id)
        if document is None:
            raise NotFound(f"there is no interview {interview_id}")
        if "erased_at" in document:
            raise Erased(f"interview {interview_id} was erased")
        return document


def _interview(document: dict[str, Any]) -> Interview:
    apart = {"transcript", "report", "feedback", "feedback_at"}
    kept = {k: v for k, v in document.items() if k not in apart}
    return Interview.model_validate(copy.deepcopy(kept))


def _feedback(document: dict[str, Any]) -> list[Feedback]:
    return [Feedback.model_validate(each) for each in document.get("feedback", {}).values()]


def _matches(interview: Interview, query: Query) -> bool:
    after = query.after is None or (interview.created_at, interview.id) < query.after
    return (
        after
        and interview.tenant == query.tenant
        and (not query.statuses or interview.status in query.statuses)
        and (not query.types or interview.type in query.types)
        and (query.created_from is None or interview.created_at >= query.created_from)
        and (query.created_before is None or interview.created_at < query.created_before)
    )


def _at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = (document or {}).get(key)
    return document


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for key in parents:
        document = document.setdefault(key, {})
    document[last] = value
