"""Tests of the command line's client with an API that fails or delays."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Permanent, Transient
from tests.samples import an_interview
from worker.cli.client import ApiClient
from worker.settings import Settings

INTERVIEW = an_interview()

Told = tuple[int, dict[str, str]]
LOST = None
"""A connection that breaks before the response."""
LATER: Told = (503, {"Retry-After": "0"})
ACCEPTED: Told = (202, {})


class Api:
    """A scripted API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[Told | None] = []
        self.requests: list[tuple[str, bytes]] = []


@pytest.fixture
def api() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            boundary = self.headers.get("Content-Type", "").partition("boundary=")[2].encode()
            content = body.replace(boundary, b"") if boundary else body
            told.requests.append((self.headers["Idempotency-Key"], content))
            answer = told.answers.pop(0)
            if answer is LOST:
                return
            self.send_response(answer[0])
            for name, value in answer[1].items():
                self.send_header(name, value)
            self.end_headers()
            problem = {"detail": "not now", "code": "later"}
            ok = answer == ACCEPTED
            self.wfile.write((INTERVIEW.model_dump_json() if ok else json.dumps(problem)).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        told = Api(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield told
        http.shutdown()
        thread.join()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "talk.flac"
    path.write_bytes(b"sound" * 100_000)
    return path


@pytest.fixture
def client(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiClient]:
    monkeypatch.setattr("worker.cli.http_retry._FIRST_WAIT", 0)
    with ApiClient(Settings(api_url=api.url)) as client:
        yield client


def test_sends_the_very_same_again_until_it_is_accepted(
    api: Api, client: ApiClient, recording: Path
) -> None:
    api.answers = [LOST, LATER, (429, {"Retry-After": "0"}), (409, {"Retry-After": "0"}), ACCEPTED]
    assert client.submit(recording, {"type": "screening"}).id == INTERVIEW.id
    assert len(api.requests) == 5
    assert len(set(api.requests)) == 1
    assert recording.read_bytes() in api.requests[0][1]


def test_names_each_submission_anew(api: Api, client: ApiClient, recording: Path) -> None:
    api.answers = [ACCEPTED, ACCEPTED]
    for _ in range(2):
        client.submit(recording, {})
    assert len({key for key, _ in api.requests}) == 2


def test_takes_no_for_an_answer(api: Api, client: ApiClient, recording: Path) -> None:
    finals: list[Told] = [
        (422, {}),
        (409, {}),
        (503, {}),
        (429, {"Retry-After": "3600"}),
        (507, {"Retry-After": "0"}),
    ]
    for final in finals:
        api.answers = [final]
        with pytest.raises(Permanent, match=r"not now \(later"):
            client.submit(recording, {})


def test_gives_up_where_nobody_answers(api: Api, client: ApiClient, recording: Path) -> None:
    api.answers = [LOST] * 3
    with pytest.raises(Transient, match="does not respond"):
        client.submit(recording, {})
    assert api.answers == []


def test_does_not_send_again_what_has_no_key(api: Api, client: ApiClient) -> None:
    api.answers = [LATER]
    with pytest.raises(Permanent, match="not now"):
        client.act(INTERVIEW.id, "retry")
