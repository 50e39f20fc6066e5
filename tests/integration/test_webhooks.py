"""Tests of callbacks from the real sidecar to a receiver that verifies them."""

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from monitoring import metrics
from tasks.errors import InvalidInput
from tasks.interviews.interview import Interview
from tests.conftest import Document
from tests.integration.test_access import api
from tests.integration.test_api import post, problem
from tests.monitoring.figures import scraped
from tests.monitoring.scripted_stack import scripted_stack
from tests.sidecar import answers
from tests.stack import RunningStack, wait_for
from tests.timing import allowed, patience, wait_until
from tests.webhooks import SECRET, Answer, Receiver, receiving
from worker.cli.commands import app
from worker.intake.requests import parse_request
from worker.settings import Settings

pytestmark = pytest.mark.slow

ALL = ["created", "transcribed", "analysed", "scheduled", "completed"]
SCRIPT = "go-on-1"
"""The name of recording and interviewer that selects the scripted behaviour of the providers."""

PUBLIC = "https://93.184.215.14/hook"


def test_without_a_secret_there_are_no_callbacks(client: TestClient) -> None:
    refusal = post(client, callback_url=PUBLIC)
    problem(refusal, 422, "callbacks_not_configured", "/callback_url")
    assert post(client).status_code == 202


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:8080/hook", "callback_url_forbidden"),
        ("http://localhost/hook", "callback_url_forbidden"),
        ("http://169.254.169.254/latest/meta-data", "callback_url_forbidden"),
        ("http://[::ffff:10.0.0.1]/", "callback_url_forbidden"),
        ("ftp://hooks.example/", "invalid"),
        ("https://me:secret@hooks.example/", "invalid"),
        ("hooks.example", "invalid"),
        (7, "invalid"),
    ],
)
def test_invalid_callback_url_is_rejected(settings: Settings, url: Any, code: str) -> None:
    with api(settings, WEBHOOK_SECRET=SECRET) as client:
        problem(post(client, callback_url=url), 422, code, "/callback_url")


def test_public_callback_url_is_accepted(settings: Settings) -> None:
    with api(settings, WEBHOOK_SECRET=SECRET) as client:
        accepted = post(client, callback_url=PUBLIC)
        assert accepted.json()["callback_url"] == PUBLIC
        cancelled = client.post(f"{accepted.headers['location']}/cancel")
        assert cancelled.json()["callback_url"] == PUBLIC


def test_callback_url_of_a_message_is_checked() -> None:
    person = {"name": "A", "email": "a@example.com"}
    request = {"type": "screening", "candidate": person, "audio_url": "https://files.example/a"}
    assert parse_request({**request, "callback_url": PUBLIC}).submission.callback_url == PUBLIC
    with pytest.raises(InvalidInput) as caught:
        parse_request({**request, "callback_url": "nowhere"})
    assert caught.value.pointer == "/callback_url"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with scripted_stack(
        tmp_path_factory.mktemp("webhooks"),
        CALLBACK_URL_ALLOW_PRIVATE="true",
        WEBHOOK_BACKOFF=",".join(["0.2"] * 20),
        WEBHOOK_TIMEOUT=f"{min(60, allowed(5)):g}",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / f"{SCRIPT}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(range(256)) * 125)
    return path


@pytest.fixture
def receiver(running: RunningStack) -> Iterator[Receiver]:
    with receiving() as receiver:
        receiver.secret = secret_of(running)
        yield receiver


def secret_of(running: RunningStack) -> str:
    (secret,) = running.settings.webhook_secrets
    return secret


def submitted(running: RunningStack, clip: Path, url: str) -> Interview:
    particulars = {
        "type": "technical",
        "candidate": {"name": "Maya Example", "email": "maya@example.com"},
        "interviewers": [{"name": "Ines Example", "email": f"{SCRIPT}@example.com"}],
        "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
        "callback_url": url,
    }
    return running.api.submit(clip, particulars)


def document_of(running: RunningStack, interview: Interview) -> Document:
    url = running.settings.mongodb_url
    assert url is not None
    with pymongo.MongoClient[Document](url.get_secret_value()) as client:
        database = client.get_default_database("interviews")
        (found,) = database["interviews"].find({"_id": interview.id})
        return found


def outcomes(running: RunningStack) -> dict[str, float]:
    found = scraped(running.stack.api_url).by_labels(metrics.CALLBACKS)
    return {status: count for (status,), count in found.items() if count}


def test_generated_secret_survives_a_restart(running: RunningStack) -> None:
    file = running.settings.data_dir / "webhook-secret"
    assert file.read_text().strip() == secret_of(running)
    assert file.stat().st_mode & 0o777 == 0o600


def test_all_events_of_an_interview_are_posted(
    running: RunningStack, clip: Path, receiver: Receiver
) -> None:
    before = outcomes(running).get("delivered", 0)
    interview = submitted(running, clip, receiver.url)
    wait_until(lambda: receiver.types == ALL, 60)
    running.api.erase(interview.id)
    wait_until(lambda: receiver.types == [*ALL, "erased"], 20)
    assert {event["subject"] for event in receiver.events} == {interview.id}
    assert "Maya" not in str(receiver.events)
    # Nothing remains after the last delivery.
    wait_until(lambda: receiver.url not in str(document_of(running, interview)))
    wait_until(lambda: outcomes(running).get("delivered") == before + 6)
    figures = scraped(running.stack.api_url)
    assert figures.value(metrics.EXTERNAL_REQUESTS, "webhook", "/{callback}", "204")


def test_failed_delivery_is_retried(running: RunningStack, clip: Path, receiver: Receiver) -> None:
    failures = iter(range(2))

    def answer(_: dict[str, Any]) -> Answer:
        return (503, {}) if next(failures, None) is not None else (200, {})

    receiver.answer = answer
    arguments = ["submit", str(clip), "--type", "screening", "--no-analysis"]
    result = CliRunner().invoke(
        app,
        [*arguments, "--callback-url", receiver.url],
        env={"API_URL": running.stack.api_url},
    )
    assert result.exit_code == 0, result.output
    wait_until(lambda: sorted(receiver.types) == sorted(ALL), 60)
    assert receiver.attempts == len(ALL) + 2
    ids = [headers["webhook-id"] for headers in receiver.headers]
    assert len(set(ids)) == len(ALL)


def test_a_redirect_is_not_followed(running: RunningStack, clip: Path, receiver: Receiver) -> None:
    with receiving() as inside:
        receiver.answer = lambda _: (307, {"Location": inside.url})
        interview = submitted(running, clip, receiver.url)
        wait_until(lambda: receiver.attempts >= 3, 30)
        receiver.answer = lambda _: (410, {})
        wait_until(lambda: running.api.get(interview.id).callback_url is None, 30)
        wait_for(running.api, interview.id)
        assert inside.attempts == 0
    assert receiver.events == []


def test_restarted_sidecar_delivers_pending_callbacks(
    running: RunningStack, clip: Path, receiver: Receiver
) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "5"})
    interview = submitted(running, clip, receiver.url)
    wait_until(lambda: receiver.attempts, 30)
    wait_for(running.api, interview.id)
    sidecar = running.process("server")
    sidecar.kill()
    receiver.answer = lambda _: (204, {})
    sidecar.start()
    sidecar.wait_until(lambda: answers(f"{running.stack.api_url}/health/live"), patience(30))
    # Another process holds the lease, which must expire first.
    wait_until(lambda: sorted(receiver.types) == sorted(ALL), 40)
