"""Tests of `Idempotency-Key` on real stores; see also tests/contract/test_idempotency.py."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pymongo.database import Database

from tasks.clock import now
from tasks.errors import Transient
from tests.conftest import Document
from tests.integration.test_access import api, bearer
from tests.integration.test_api import PATH, nothing_left, particulars, problem
from tests.samples import SCREENING, TECHNICAL
from tests.timing import patience
from worker.adapters.mongo import GridFSAudio, MongoKeys
from worker.intake.idempotency import KEY_LIFETIME
from worker.ports import Scope
from worker.settings import Settings

__all__ = ["nothing_left"]

CONSENT = {"id": "c-1", "at": now().isoformat()}


def send(
    client: TestClient, key: str = "key-1", recording: Path = SCREENING, **changed: Any
) -> Response:
    given = particulars(**{"consent": CONSENT, **changed})
    with recording.open("rb") as stream:
        return client.post(
            PATH,
            headers={"Idempotency-Key": key},
            files={"audio": (recording.name, stream)},
            data={"interview": json.dumps(given)},
        )


def accepted(answer: Response, *, replayed: bool) -> str:
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["id"]
    assert answer.headers["location"] == f"{PATH}/{found}"
    assert answer.headers["retry-after"]
    assert answer.headers.get("idempotent-replayed") == ("true" if replayed else None)
    return found


def stored(database: Database[Document]) -> list[str]:
    return [found["_id"] for found in database["interviews"].find()]


@pytest.fixture
def recordings() -> Iterator[tuple[str, list[str]]]:
    """A server with a recording, which counts downloads."""
    fetches: list[str] = []

    class Recording(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fetches.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(TECHNICAL.read_bytes())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Recording) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", fetches
        http.shutdown()
        thread.join()


def test_repeated_upload_creates_one_interview(
    client: TestClient, database: Database[Document]
) -> None:
    first = send(client)
    again = send(client, '"key-1"')
    interview_id = accepted(first, replayed=False)
    assert accepted(again, replayed=True) == interview_id
    assert again.json() == first.json()
    assert stored(database) == [interview_id]
    assert database["audio.files"].count_documents({}) == 1
    # The response has the current state.
    client.post(f"{PATH}/{interview_id}/cancel")
    assert send(client).json()["status"] == "cancelled"


def test_repeated_url_is_downloaded_once(
    client: TestClient, recordings: tuple[str, list[str]]
) -> None:
    url, fetches = recordings
    body = particulars(consent=CONSENT, audio_url=f"{url}/talk.flac")
    headers = {"Idempotency-Key": "key-1"}
    interview_id = accepted(client.post(PATH, json=body, headers=headers), replayed=False)
    # Independent of its formatting.
    text = json.dumps(dict(reversed(body.items())), indent=2)
    again = client.post(PATH, content=text, headers={**headers, "Content-Type": "application/json"})
    assert accepted(again, replayed=True) == interview_id
    assert fetches == ["/talk.flac"]
    other = client.post(PATH, json={**body, "audio_url": f"{url}/other.flac"}, headers=headers)
    problem(other, 422, "idempotency_key_reused")


@pytest.mark.parametrize("changed", [{"recording": TECHNICAL}, {"priority": "high"}])
def test_key_with_other_content_is_rejected(
    client: TestClient, database: Database[Document], changed: dict[str, Any]
) -> None:
    interview_id = accepted(send(client), replayed=False)
    problem(send(client, **changed), 422, "idempotency_key_reused")
    assert stored(database) == [interview_id]
    accepted(send(client, "key-2", **changed), replayed=False)


def test_repeated_request_without_a_key_creates_another_interview(
    client: TestClient, database: Database[Document]
) -> None:
    for _ in range(2):
        with TECHNICAL.open("rb") as stream:
            text = json.dumps(particulars(consent=CONSENT))
            client.post(PATH, files={"audio": ("a", stream)}, data={"interview": text})
    assert len(stored(database)) == 2
    assert database["idempotency"].count_documents({}) == 0


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("key", ["", '""', '"open', "a b", "k" * 256])
def test_invalid_key_is_rejected(client: TestClient, key: str) -> None:
    problem(send(client, key), 400, "idempotency_key_invalid")


@pytest.mark.usefixtures("nothing_left")
def test_two_keys_are_rejected(client: TestClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = client.post(PATH, json=particulars(audio_url="http://x.example/"), headers=headers)
    problem(answer, 400, "idempotency_key_invalid")


def test_rejected_request_releases_its_key(client: TestClient, tmp_path: Path) -> None:
    words = tmp_path / "talk.flac"
    words.write_bytes(b"these are words, not sound" * 100)
    problem(send(client, type="seance"), 422, "invalid", "/type")
    problem(send(client, recording=words), 415, "not_audio", "/audio")
    accepted(send(client), replayed=False)
    # A request that was valid is replayed, even if it would be rejected now.
    assert accepted(send(client), replayed=True)


def test_replay_does_not_depend_on_current_limits(client: TestClient, settings: Settings) -> None:
    interview_id = accepted(send(client), replayed=False)
    with api(settings, INTERVIEW_TYPES="technical") as stricter:
        assert accepted(send(stricter), replayed=True) == interview_id
        problem(send(stricter, "key-2"), 422, "invalid", "/type")


def test_failed_request_releases_its_key(
    client: TestClient, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Transient("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(GridFSAudio, "save", away)
        problem(send(client), 503, "unavailable")
    interview_id = accepted(send(client), replayed=False)
    assert [f["_id"] for f in database["interviews"].find({"erased_at": None})] == [interview_id]


def test_concurrent_requests_create_one_interview(
    client: TestClient, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    storing, asked = threading.Event(), threading.Event()
    save = GridFSAudio.save

    def slowly(*arguments: Any) -> None:
        storing.set()
        assert asked.wait(patience(20))
        save(*arguments)

    monkeypatch.setattr(GridFSAudio, "save", slowly)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(send, client)
        assert storing.wait(patience(20))
        second = send(client)
        other = send(client, priority="high")
        asked.set()
        interview_id = accepted(first.result(), replayed=False)
    problem(second, 409, "idempotency_in_flight")
    assert int(second.headers["retry-after"]) > 0
    problem(other, 422, "idempotency_key_reused")
    assert accepted(send(client), replayed=True) == interview_id
    assert stored(database) == [interview_id]


def killed(database: Database[Document]) -> None:
    """Create the state left by a sidecar that was killed before it responded."""
    database["idempotency"].update_one({}, {"$set": {"until": now()}})


def test_retry_after_a_kill_before_storing(
    client: TestClient, database: Database[Document]
) -> None:
    interview_id = accepted(send(client), replayed=False)
    killed(database)
    for name in ("interviews", "audio.files", "audio.chunks"):
        database[name].delete_many({})
    assert accepted(send(client), replayed=False) == interview_id
    assert accepted(send(client), replayed=True) == interview_id
    assert stored(database) == [interview_id]


def test_retry_after_a_kill_before_responding(
    client: TestClient, database: Database[Document]
) -> None:
    interview_id = accepted(send(client), replayed=False)
    killed(database)
    problem(send(client, priority="high"), 422, "idempotency_key_reused")
    assert accepted(send(client), replayed=True) == interview_id
    assert stored(database) == [interview_id]
    assert database["idempotency"].find_one({"until": None})


def test_retry_after_a_kill_between_recording_and_document(
    client: TestClient, database: Database[Document]
) -> None:
    interview_id = accepted(send(client), replayed=False)
    killed(database)
    database["interviews"].delete_many({})
    database["audio.files"].update_one({}, {"$unset": {"length": ""}})
    assert accepted(send(client), replayed=False) == interview_id
    assert stored(database) == [interview_id]
    with GridFSAudio(database).local_copy(interview_id) as copy:
        assert copy.read_bytes() == SCREENING.read_bytes()


def test_erased_interview_is_not_created_again(
    client: TestClient, database: Database[Document]
) -> None:
    interview_id = accepted(send(client), replayed=False)
    client.delete(f"{PATH}/{interview_id}")
    database["idempotency"].update_one({}, {"$set": {"until": now()}})
    for _ in range(2):
        problem(send(client), 410, "erased")
    assert database["audio.files"].count_documents({}) == 0


def test_expired_key_can_be_reused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = accepted(send(client), replayed=False)
    monkeypatch.setattr("worker.intake.idempotency.now", lambda: now() + KEY_LIFETIME)
    assert accepted(send(client, priority="high"), replayed=False) != first


def test_replay_of_an_erased_interview_is_gone(
    client: TestClient, database: Database[Document]
) -> None:
    interview_id = accepted(send(client), replayed=False)
    kept = str(list(database["idempotency"].find()))
    assert interview_id in kept
    for personal in ("Maya", "maya@", "Ines", "screening", "c-1", "key-1"):
        assert personal not in kept
    assert client.delete(f"{PATH}/{interview_id}").status_code == 204
    answer = send(client)
    problem(answer, 410, "erased")
    assert "Maya" not in answer.text
    assert database["audio.files"].count_documents({}) == 0


def test_keys_are_separate_for_each_tenant(
    settings: Settings, database: Database[Document]
) -> None:
    keys = MongoKeys(database)
    with api(settings, AUTH="keys") as client:
        ids = []
        for tenant in ("acme", "others"):
            client.headers.update(bearer(keys, Scope.WRITE, tenant=tenant))
            ids.append(accepted(send(client), replayed=False))
            assert accepted(send(client), replayed=True) == ids[-1]
        problem(send(client, priority="high"), 422, "idempotency_key_reused")
    assert len(set(ids)) == 2


def test_header_is_documented(client: TestClient) -> None:
    post = client.get("/openapi.json").json()["paths"][PATH]["post"]
    (header,) = post["parameters"]
    assert (header["name"], header["in"], header["required"]) == (
        "Idempotency-Key",
        "header",
        False,
    )
    assert "24 hours" in header["description"]
    assert "Idempotent-Replayed" in post["responses"]["202"]["headers"]
