"""Tests of the audit trail of API requests, and of access to it."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews import transitions
from tasks.interviews.interview import Booking, BookingOutcome, Stage
from tests.conftest import Document
from tests.contract.test_interviews import TRANSCRIPT
from tests.integration.test_access import api, bearer, submitted_by
from tests.integration.test_api import PATH, problem
from tests.samples import a_report
from worker.adapters.mongo import MongoAudit, MongoInterviews, MongoKeys
from worker.ports import Scope
from worker.settings import Settings

AUDIT = "/api/v1/audit"
OPINION = {"type": "overall", "agrees": True, "by": "Robin"}


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    with api(settings, AUTH="keys") as client:
        yield client


@pytest.fixture
def keys(database: Database[Document]) -> MongoKeys:
    return MongoKeys(database)


@pytest.fixture
def store(database: Database[Document]) -> MongoInterviews:
    return MongoInterviews(database)


def analysed(store: MongoInterviews, interview_id: str) -> str:
    """Give an interview a transcript, a report, feedback and an invitation."""
    interview = store.get(interview_id)
    results: dict[Stage, dict[str, Any]] = {
        Stage.TRANSCRIBE: {"transcript": TRANSCRIPT},
        Stage.ANALYSE: {"report": a_report(interview)},
        Stage.SCHEDULE: {
            "booking": Booking(outcome=BookingOutcome.BOOKED, invitation="BEGIN:VCALENDAR")
        },
    }
    for stage in Stage:
        store.apply(interview_id, transitions.begin(stage, "run", now()))
        running = store.get(interview_id)
        done = transitions.finish(
            running, stage, "run", now(), provider=None, results=results[stage], event_data={}
        )
        store.apply(interview_id, done)
    return interview_id


def trail(client: TestClient, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    answer = client.get(AUDIT, headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def key_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].split("_")[1]


def test_reads_and_changes_are_recorded(
    guarded: TestClient, keys: MongoKeys, store: MongoInterviews
) -> None:
    admin = bearer(keys, Scope.ADMIN)
    reader, writer = bearer(keys, Scope.READ), bearer(keys, Scope.READ, Scope.WRITE)
    interview_id = analysed(store, submitted_by(guarded, writer)["id"])
    path = f"{PATH}/{interview_id}"
    before = now()
    for form in ("json", "srt", "vtt", "text"):
        guarded.get(f"{path}/transcript?format={form}", headers=reader).raise_for_status()
    for part in ("analysis", "invitation", "feedback"):
        guarded.get(f"{path}/{part}", headers=reader).raise_for_status()
    decision = {"state": "confirmed", "by": "Robin"}
    guarded.post(f"{path}/review", headers=writer, json=decision).raise_for_status()
    guarded.post(f"{path}/feedback", headers=writer, json=OPINION).raise_for_status()
    entries = trail(guarded, admin, interview_id=interview_id)
    assert {entry["interview_id"] for entry in entries} == {interview_id}
    assert {entry["tenant"] for entry in entries} == {"acme"}
    assert all(before.isoformat()[:19] <= entry["at"][:19] for entry in entries)
    done = [(entry["who"], entry["action"], entry["detail"]) for entry in entries]
    assert sorted(done, key=str) == sorted(
        [
            *((key_of(reader), "transcript.read", form) for form in ("json", "srt", "text", "vtt")),
            (key_of(reader), "analysis.read", None),
            (key_of(reader), "invitation.read", None),
            (key_of(reader), "feedback.read", None),
            (key_of(writer), "review", None),
            (key_of(writer), "feedback", None),
        ],
        key=str,
    )


def test_failed_reads_are_not_recorded(guarded: TestClient, keys: MongoKeys) -> None:
    admin = bearer(keys, Scope.ADMIN)
    path = f"{PATH}/{submitted_by(guarded, admin)['id']}"
    for part in ("transcript", "analysis", "invitation"):
        problem(guarded.get(f"{path}/{part}", headers=admin), 404, "not_ready")
    assert trail(guarded, admin) == []


def test_erasure_is_recorded_without_personal_data(
    guarded: TestClient, keys: MongoKeys, database: Database[Document]
) -> None:
    admin = bearer(keys, Scope.ADMIN)
    interview_id = submitted_by(guarded, admin)["id"]
    guarded.delete(f"{PATH}/{interview_id}", headers=admin).raise_for_status()
    (entry,) = trail(guarded, admin, interview_id=interview_id)
    assert (entry["who"], entry["action"]) == (key_of(admin), "erase")
    stored = str(list(database["audit"].find()))
    assert "Maya" not in stored
    assert "@" not in stored


def test_open_access_is_recorded_as_such(client: TestClient, store: MongoInterviews) -> None:
    interview_id = analysed(store, submitted_by(client, {"Authorization": ""})["id"])
    client.get(f"{PATH}/{interview_id}/transcript").raise_for_status()
    (entry,) = trail(client, {})
    assert (entry["who"], entry["tenant"]) == ("open access", "default")


def test_trail_is_for_admins_of_the_tenant(guarded: TestClient, keys: MongoKeys) -> None:
    admin, other = bearer(keys, Scope.ADMIN), bearer(keys, Scope.ADMIN, tenant="other")
    interview_id = submitted_by(guarded, admin)["id"]
    guarded.delete(f"{PATH}/{interview_id}", headers=admin).raise_for_status()
    assert trail(guarded, other) == []
    assert trail(guarded, other, interview_id=interview_id) == []
    scopes = (Scope.READ, Scope.WRITE, Scope.ERASE)
    problem(guarded.get(AUDIT, headers=bearer(keys, *scopes)), 403, "forbidden")


def test_trail_is_paginated(client: TestClient) -> None:
    for _ in range(5):
        interview_id = submitted_by(client, {"Authorization": ""})["id"]
        client.delete(f"{PATH}/{interview_id}").raise_for_status()
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(AUDIT, params={"limit": 2, **cursor}).json()
        seen += [entry["id"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
    problem(client.get(AUDIT, params={"cursor": "nonsense"}), 422, "invalid")


def test_request_fails_if_it_cannot_be_recorded(
    client: TestClient, store: MongoInterviews, monkeypatch: pytest.MonkeyPatch
) -> None:
    interview_id = analysed(store, submitted_by(client, {"Authorization": ""})["id"])

    def refuse(*_: object) -> None:
        raise Permanent("not authorised on audit", code="database_error")

    monkeypatch.setattr(MongoAudit, "append", refuse)
    path = f"{PATH}/{interview_id}"
    for part in ("transcript", "transcript?format=srt", "analysis", "invitation", "feedback"):
        answer = client.get(f"{path}/{part}")
        problem(answer, 503, "audit_unavailable")
        assert "Hello" not in answer.text
    problem(client.post(f"{path}/feedback", json=OPINION), 503, "audit_unavailable")
    problem(client.delete(path), 503, "audit_unavailable")
    assert store.get(interview_id).id == interview_id
    assert store.feedback(interview_id) == []
