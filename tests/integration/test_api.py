"""Tests of the API on real stores and a real broker, without workers."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from fastapi.testclient import TestClient
from httpx2 import Response
from pymongo.database import Database

from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews import transitions
from tasks.interviews.events import EventType
from tasks.interviews.interview import AnalysisType, Priority, Stage, Status
from tasks.interviews.transcript import Transcript
from tests.conftest import Document
from tests.contract.test_interviews import TRANSCRIPT
from tests.samples import SAMPLES, SCREENING, TECHNICAL, a_report
from tests.sidecar import LOOPBACK
from worker.adapters.mongo import MongoInterviews
from worker.settings import Settings

PATH = "/api/v1/interviews"


def particulars(**changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "type": "screening",
        "candidate": {"name": "Maya", "email": "maya@candidates.example"},
        "interviewers": [{"name": "Ines", "email": "ines@company.example"}],
        "time_zone": "Europe/Berlin",
        "consent": {"id": "c-1", "at": now().isoformat()},
        **changed,
    }
    return {key: value for key, value in given.items() if value is not ...}


def post(client: TestClient, recording: Path = SCREENING, **changed: Any) -> Response:
    with recording.open("rb") as stream:
        return client.post(
            PATH,
            files={"audio": (recording.name, stream)},
            data={"interview": json.dumps(particulars(**changed))},
        )


def submitted(client: TestClient, **changed: Any) -> dict[str, Any]:
    answer = post(client, **changed)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def problem(answer: Response, status: int, code: str, pointer: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["code"] == code, found
    assert found["detail"]
    if pointer is not None:
        assert pointer in [error["pointer"] for error in found["errors"]], found
    return found


@pytest.fixture
def store(database: Database[Document]) -> MongoInterviews:
    return MongoInterviews(database)


@pytest.fixture
def nothing_left(database: Database[Document], broker_url: str) -> Iterator[None]:
    """Check after the test that all stores and queues are empty."""
    yield
    for name in ("interviews", "audio.files", "audio.chunks"):
        assert database[name].count_documents({}) == 0, name
    with redis.Redis.from_url(broker_url) as broker:
        assert [key for key in broker.scan_iter() if not key.startswith(b"_kombu")] == []


@pytest.fixture
def file_server() -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = partial(Quiet, directory=str(SAMPLES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_upload_is_accepted(
    client: TestClient, database: Database[Document], store: MongoInterviews, broker_url: str
) -> None:
    answer = post(client, priority="high")
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"{PATH}/{body['id']}"
    assert body["status"] == "queued"
    assert body["audio"]["codec"] == "flac"
    assert body["audio"]["channels"] == 2
    assert body["audio"]["duration"] == pytest.approx(98.19, abs=0.1)
    assert body["audio"]["quality"]["snr_db"] > 10
    assert "run" not in body["stages"]["transcribe"]
    assert client.get(answer.headers["location"]).json() == body
    assert database["audio.files"].find_one({"_id": body["id"]})["length"] == (  # type: ignore[index]
        SCREENING.stat().st_size
    )
    assert [event.type for event in store.pending_events(9)] == [EventType.CREATED]
    with redis.Redis.from_url(broker_url) as broker:
        (raw,) = broker.lrange("interviews.transcribe", 0, -1)
    # The message contains the id, and no personal data.
    assert b"Maya" not in raw
    assert json.loads(raw)["headers"]["task"] == "interviews.transcribe"


@pytest.mark.parametrize(("priority", "step"), [("high", ""), ("normal", "3"), ("low", "9")])
def test_priority_selects_the_redis_list(
    client: TestClient, broker_url: str, priority: str, step: str
) -> None:
    submitted(client, priority=priority)
    with redis.Redis.from_url(broker_url) as broker:
        name = f"interviews.transcribe\x06\x16{step}" if step else "interviews.transcribe"
        assert broker.llen(name) == 1
    metrics = client.get("/metrics").text
    sample = f'interview_queue_depth{{priority="{priority}",queue="interviews.transcribe"}} 1.0'
    assert sample in metrics
    assert "interviews_active_total 1.0" in metrics


def test_audio_url_is_accepted(
    client: TestClient, file_server: str, database: Database[Document]
) -> None:
    body = particulars(type="technical", audio_url=f"{file_server}/technical.flac")
    answer = client.post(PATH, json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["audio"]["name"] == "technical.flac"
    assert database["audio.files"].count_documents({"_id": answer.json()["id"]}) == 1


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("changed", "code", "pointer"),
    [
        ({"type": "seance"}, "invalid", "/type"),
        ({"type": ""}, "invalid", "/type"),
        ({"time_zone": "Mars/Olympus"}, "invalid", "/time_zone"),
        ({"candidate": ...}, "invalid", "/candidate"),
        ({"candidate": {"name": "x" * 201, "email": "a@b.example"}}, "invalid", "/candidate/name"),
        ({"candidate": {"name": "A", "email": "nobody"}}, "invalid", "/candidate/email"),
        ({"priority": "urgent"}, "invalid", "/priority"),
        ({"surprise": 1}, "invalid", "/surprise"),
        ({"channels": {"left": "candidate", "right": "candidate"}}, "invalid", "/channels"),
        ({"consent": None}, "consent_missing", "/consent"),
        ({"follow_up": {"latest": "2020-01-01T00:00:00Z"}}, "past_date", "/follow_up/latest"),
        ({"follow_up": {"latest": "2020-01-01T00:00:00"}}, "invalid", "/follow_up/latest"),
        ({"follow_up": {"duration_minutes": 7}}, "invalid", "/follow_up/duration_minutes"),
        ({"interviewers": [{"name": "I", "email": "i@c.de"}] * 11}, "invalid", "/interviewers"),
    ],
)
def test_invalid_submission_is_rejected(
    client: TestClient, changed: dict[str, Any], code: str, pointer: str
) -> None:
    problem(post(client, **changed), 422, code, pointer)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "empty"),
        (b"these are words, not sound" * 100, 415, "not_audio"),
        (TECHNICAL.read_bytes()[:200_000], 422, "truncated"),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n", 415, "not_audio"),
    ],
    ids=["empty", "text", "truncated", "playlist"],
)
def test_invalid_recording_is_rejected(
    client: TestClient, tmp_path: Path, content: bytes, status: int, code: str
) -> None:
    recording = tmp_path / "a.flac"
    recording.write_bytes(content)
    problem(post(client, recording), status, code, "/audio")


@pytest.mark.usefixtures("nothing_left")
def test_channels_of_a_mono_recording_are_rejected(client: TestClient) -> None:
    channels = {"left": "interviewer", "right": "candidate"}
    answer = post(client, TECHNICAL, channels=channels)
    problem(answer, 422, "wrong_channel_count", "/channels")


@pytest.mark.usefixtures("nothing_left")
def test_body_with_excessive_content_length_is_rejected(client: TestClient) -> None:
    headers = {"content-length": str(2 << 30), "content-type": "multipart/form-data; boundary=x"}
    problem(client.post(PATH, headers=headers, content=b""), 413, "too_large")


@pytest.mark.usefixtures("nothing_left")
def test_body_that_exceeds_the_limit_is_rejected(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
        for _ in range(80):
            yield b"\0" * (1 << 16)
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    problem(client.post(PATH, headers=headers, content=body()), 413, "too_large")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        ({"content": b"x", "headers": {}}, 415, "unsupported_media_type"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 422, "invalid"),
        ({"content": b"[]", "headers": {"content-type": "application/json"}}, 422, "invalid"),
        ({"json": {"x": "y" * (1 << 18)}}, 413, "too_large"),
        ({"files": {"interview": (None, "{}")}}, 422, "invalid_audio"),
        ({"files": {"audio": ("a", b"x")}}, 422, "invalid"),
        (
            {"content": b"--", "headers": {"content-type": "multipart/form-data"}},
            400,
            "bad_request",
        ),
    ],
)
def test_body_of_another_content_type_is_rejected(
    client: TestClient, request_body: dict[str, Any], status: int, code: str
) -> None:
    problem(client.post(PATH, **request_body), status, code)


@pytest.mark.usefixtures("nothing_left")
def test_unreachable_audio_url_is_rejected(client: TestClient, file_server: str) -> None:
    body = particulars(audio_url=f"{file_server}/none.flac")
    problem(client.post(PATH, json=body), 422, "audio_url_unreachable", "/audio_url")


def test_interview_is_accepted_without_a_broker(settings: Settings, store: MongoInterviews) -> None:
    from worker.api.application import create_api
    from worker.server import open_context

    away = settings.with_environment({"REDIS_URL": "redis://127.0.0.1:9/0"})
    with TestClient(
        create_api(away, open_context), base_url=LOOPBACK, raise_server_exceptions=False
    ) as client:
        interview_id = submitted(client)["id"]
    # The reconciler will find that its message is missing.
    later = now() + timedelta(minutes=1)
    (unheard,) = store.find_lost_messages(Stage.TRANSCRIBE, Priority.NORMAL, later, 9)
    assert unheard.id == interview_id


def test_interviews_are_listed_by_page_and_filter(client: TestClient) -> None:
    made = [submitted(client, type=kind)["id"] for kind in ("screening", "technical") * 3]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    while True:
        page = client.get(PATH, params=query).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == made[::-1]
    technical = client.get(PATH, params={"type": "technical"}).json()["items"]
    assert {item["type"] for item in technical} == {"technical"}
    assert len(technical) == 3
    late = (now() + timedelta(minutes=1)).isoformat()
    assert client.get(PATH, params={"created_from": late}).json()["items"] == []
    assert client.get(PATH, params={"status": "failed"}).json()["items"] == []


@pytest.mark.parametrize(
    "query", [{"cursor": "!"}, {"cursor": "YQ"}, {"limit": 0}, {"created_from": "then"}]
)
def test_invalid_query_is_rejected(client: TestClient, query: dict[str, Any]) -> None:
    problem(client.get(PATH, params=query), 422, "invalid", f"/{next(iter(query))}")


@pytest.mark.parametrize("interview_id", ["x", "1", "00000000", "%00", "a" * 300])
def test_invalid_id_is_rejected(client: TestClient, interview_id: str) -> None:
    problem(client.get(f"{PATH}/{interview_id}"), 422, "invalid", "/interview_id")


@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        ("GET", ""),
        ("GET", "/transcript"),
        ("GET", "/analysis"),
        ("GET", "/invitation"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
        ("DELETE", ""),
    ],
)
def test_unknown_interview_is_not_found(client: TestClient, method: str, suffix: str) -> None:
    problem(client.request(method, f"{PATH}/{uuid4()}{suffix}"), 404, "not_found")


def test_unknown_paths_and_methods_return_problems(client: TestClient) -> None:
    problem(client.get("/nowhere"), 404, "not_found")
    problem(client.put(PATH), 405, "method_not_allowed")


def test_unavailable_results_are_reported(client: TestClient) -> None:
    interview_id = submitted(client)["id"]
    for part in ("transcript", "analysis", "invitation"):
        problem(client.get(f"{PATH}/{interview_id}/{part}"), 404, "not_ready")


def transcribed(store: MongoInterviews, interview_id: str, transcript: Transcript) -> None:
    store.apply(interview_id, transitions.begin(Stage.TRANSCRIBE, "run", now()))
    running = store.get(interview_id)
    store.apply(
        interview_id,
        transitions.finish(
            running,
            Stage.TRANSCRIBE,
            "run",
            now(),
            provider="whisper",
            results={"transcript": transcript},
            event_data={},
        ),
    )


def test_transcript_has_four_formats(client: TestClient, store: MongoInterviews) -> None:
    interview_id = submitted(client)["id"]
    transcribed(store, interview_id, TRANSCRIPT)
    path = f"{PATH}/{interview_id}/transcript"
    assert client.get(path).json()["segments"][0]["text"] == "Hello."
    for form, media_type, beginning in (
        ("srt", "application/x-subrip", "1\n00:00:00,000"),
        ("vtt", "text/vtt", "WEBVTT"),
        ("text", "text/plain", "Candidate: Hello."),
    ):
        answer = client.get(path, params={"format": form})
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.text.startswith(beginning)
    problem(client.get(path, params={"format": "doc"}), 422, "invalid", "/format")


def test_cancel_is_accepted_once(client: TestClient) -> None:
    interview_id = submitted(client)["id"]
    assert client.post(f"{PATH}/{interview_id}/cancel").json()["status"] == "cancelled"
    problem(client.post(f"{PATH}/{interview_id}/cancel"), 409, "illegal_transition")
    problem(client.post(f"{PATH}/{interview_id}/retry"), 409, "illegal_transition")


def test_retry_starts_at_the_failed_stage(
    client: TestClient, store: MongoInterviews, broker_url: str
) -> None:
    interview_id = submitted(client)["id"]
    transcribed(store, interview_id, TRANSCRIPT)
    store.apply(interview_id, transitions.begin(Stage.ANALYSE, "run", now()))
    failed = transitions.fail(
        store.get(interview_id), Stage.ANALYSE, "run", Permanent("no", code="no"), now()
    )
    store.apply(interview_id, failed)
    assert client.get(f"{PATH}/{interview_id}").json()["status"] == "failed"
    answer = client.post(f"{PATH}/{interview_id}/retry")
    assert answer.status_code == 202
    assert answer.json()["status"] == "analysing"
    with redis.Redis.from_url(broker_url) as broker:
        (raw,) = broker.lrange("interviews.analyse\x06\x163", 0, -1)
    chain = json.loads(base64.b64decode(json.loads(raw)["body"]))[2]["chain"]
    assert [link["task"] for link in chain] == ["interviews.schedule"]


def test_retry_without_a_broker_is_stored(
    settings: Settings, store: MongoInterviews, client: TestClient
) -> None:
    from worker.adapters.broker import CeleryDispatcher
    from worker.celery_app.config import create_app
    from worker.lifecycle import operations

    interview_id = submitted(client)["id"]
    store.apply(interview_id, transitions.begin(Stage.TRANSCRIBE, "run", now()))
    failed = transitions.fail(
        store.get(interview_id), Stage.TRANSCRIBE, "run", Permanent("no", code="no"), now()
    )
    store.apply(interview_id, failed)
    away = create_app(settings.with_environment({"REDIS_URL": "redis://127.0.0.1:9/0"}))
    assert operations.retry(store, CeleryDispatcher(away), interview_id).status is Status.QUEUED
    later = now() + timedelta(minutes=1)
    (unheard,) = store.find_lost_messages(Stage.TRANSCRIBE, Priority.NORMAL, later, 9)
    assert unheard.id == interview_id


def analysed(store: MongoInterviews, interview_id: str, *parts: AnalysisType) -> None:
    transcribed(store, interview_id, TRANSCRIPT)
    interview = store.get(interview_id)
    store.apply(interview_id, transitions.begin(Stage.ANALYSE, "run", now()))
    report = a_report(interview, *parts)
    done = transitions.finish(
        interview,
        Stage.ANALYSE,
        "run",
        now(),
        provider="x",
        results={"report": report},
        event_data={},
    )
    store.apply(interview_id, done)


def test_feedback_is_accepted(client: TestClient, store: MongoInterviews) -> None:
    interview_id = submitted(client)["id"]
    analysed(store, interview_id)
    path = f"{PATH}/{interview_id}/feedback"
    opinion = {"type": "overall", "agrees": False, "by": " Ines ", "comment": "Too harsh."}
    first = client.post(path, json=opinion)
    assert first.status_code == 200, first.text
    assert first.json() == {**opinion, "by": "Ines", "at": first.json()["at"]}
    again = client.post(path, json={**opinion, "by": "Ines", "agrees": True}).json()
    other = client.post(path, json={**opinion, "by": "Robin"}).json()
    assert client.get(path).json() == [again, other]
    assert 'analysis_review_agreement_ratio{type="overall"} 0.5' in client.get("/metrics").text
    assert client.get(f"{PATH}/{interview_id}/analysis").json()["review"]["state"] == "pending"


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"type": "charm"}, "/type"),
        ({"agrees": ...}, "/agrees"),
        ({"by": " "}, "/by"),
        ({"by": "x" * 201}, "/by"),
        ({"comment": "x" * 2001}, "/comment"),
        ({"at": "2026-01-01T00:00:00Z"}, "/at"),
    ],
)
def test_invalid_feedback_is_rejected(
    client: TestClient, changed: dict[str, Any], pointer: str
) -> None:
    opinion = {"type": "overall", "agrees": True, "by": "Ines", **changed}
    body = {key: value for key, value in opinion.items() if value is not ...}
    path = f"{PATH}/{submitted(client)['id']}/feedback"
    problem(client.post(path, json=body), 422, "invalid", pointer)


def test_feedback_on_a_missing_part_is_rejected(client: TestClient, store: MongoInterviews) -> None:
    opinion = {"type": "sentiment", "agrees": True, "by": "Ines"}

    def give(interview_id: object) -> Response:
        return client.post(f"{PATH}/{interview_id}/feedback", json=opinion)

    problem(give(uuid4()), 404, "not_found")
    interview_id = submitted(client)["id"]
    problem(give(interview_id), 409, "not_ready")
    analysed(store, interview_id, AnalysisType.OVERALL)
    problem(give(interview_id), 409, "not_requested")
    assert client.get(f"{PATH}/{interview_id}/feedback").json() == []
    client.delete(f"{PATH}/{interview_id}")
    problem(give(interview_id), 410, "erased")
    problem(client.get(f"{PATH}/{interview_id}/feedback"), 410, "erased")


def test_interview_is_erased(
    client: TestClient, store: MongoInterviews, database: Database[Document]
) -> None:
    interview_id = submitted(client, consent={"id": "signed-17", "at": now().isoformat()})["id"]
    transcribed(store, interview_id, TRANSCRIPT)
    assert client.delete(f"{PATH}/{interview_id}").status_code == 204
    assert client.delete(f"{PATH}/{interview_id}").status_code == 204
    problem(client.get(f"{PATH}/{interview_id}"), 410, "erased")
    problem(client.get(f"{PATH}/{interview_id}/transcript"), 410, "erased")
    assert database["audio.chunks"].count_documents({}) == 0
    left = str(list(database["interviews"].find()))
    for personal in ("Maya", "maya@", "Ines", "Hello", "screening.flac", "signed-17"):
        assert personal not in left
    assert client.get(PATH).json()["items"] == []


def test_unexpected_error_reveals_no_details(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(MongoInterviews, "get", broken)
    answer = client.get(f"{PATH}/{submitted(client)['id']}")
    problem(answer, 500, "internal_error")
    assert "secret" not in answer.text


def test_openapi_document_is_served(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    body = schema["paths"][PATH]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    text = json.dumps(schema)
    for reference in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert reference in schema["components"]["schemas"]


def test_documentation_page_needs_no_other_host(client: TestClient) -> None:
    page = client.get("/docs").text
    needed = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(needed) >= 2
    assert {client.get(each).status_code for each in needed} == {200}
    assert "//" not in "".join(needed)


def test_health_reports_missing_kafka(client: TestClient) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["kafka"] == "down"
