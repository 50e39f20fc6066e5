"""Tests of requests by message: stored, retried, accepted once, or rejected with an event."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from celery import Celery
from pymongo.database import Database

from monitoring.metrics.recording import Recorder
from monitoring.signals import celery
from tasks.clock import now
from tasks.errors import InvalidInput, NotFound, Permanent, Superseded
from tasks.interviews.interview import Source, Status
from tasks.pipeline.queues import REQUESTS, Broker
from tests.fakes.audio import MemoryAudio
from tests.fakes.interviews import MemoryInterviews
from tests.samples import TECHNICAL
from worker.adapters.broker import CeleryDispatcher
from worker.adapters.http.download import download
from worker.adapters.media import probe
from worker.adapters.mongo import MongoRequests
from worker.adapters.webhooks import check_callback_url
from worker.bootstrap import broker
from worker.celery_app.config import create_app
from worker.intake.processor import RequestProcessor
from worker.intake.requests import interview_id_of, receive
from worker.intake.service import Intake
from worker.ports import PendingRequest, UrlSubmission
from worker.reconcile.requests import RequestReconciler
from worker.settings import Settings

HOUR = timedelta(hours=1)


class FileServer(ThreadingHTTPServer):
    """Returns the configured statuses, one per request, and then the recording."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FileHandler)
        self.statuses: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/technical.flac"


class FileHandler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        if self.server.statuses:
            self.send_response(self.server.statuses.pop(0))
            self.send_header("Retry-After", "60")
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(TECHNICAL.read_bytes())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def files() -> Iterator[FileServer]:
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def requests(database: Database[dict[str, Any]]) -> MongoRequests:
    store = MongoRequests(database)
    store.prepare()
    return store


@pytest.fixture
def interviews() -> MemoryInterviews:
    return MemoryInterviews()


@pytest.fixture
def app(settings: Settings) -> Iterator[Celery]:
    with celery.connected(Recorder("test@host")):
        yield create_app(settings)


@pytest.fixture
def receiver(
    requests: MongoRequests, interviews: MemoryInterviews, app: Celery, settings: Settings
) -> RequestProcessor:
    intake = Intake(
        interviews,
        MemoryAudio(),
        CeleryDispatcher(app),
        settings,
        probe=probe,
        check_callback_url=check_callback_url,
    )
    return RequestProcessor(requests, intake, download, lease=timedelta(seconds=30), backoff=0.0)


def payload(audio_url: str) -> dict[str, Any]:
    return {
        "type": "technical",
        "candidate": {"name": "Maya", "email": "maya@candidates.example"},
        "analyses": [],
        "audio_url": audio_url,
    }


def pending(message: str, audio_url: str) -> PendingRequest:
    """A request that came an hour ago."""
    return PendingRequest(
        id=interview_id_of(message),
        body=UrlSubmission.model_validate(payload(audio_url)),
        source=Source.KAFKA,
        received_at=now() - HOUR,
        message_at=now() - HOUR,
    )


def received(receiver: RequestProcessor, files: FileServer, message: str = "one") -> str:
    body = payload(files.url)
    return receive(receiver.requests, receiver.intake.interviews, body, message, Source.KAFKA)


def stuck(requests: MongoRequests) -> list[PendingRequest]:
    return list(requests.find_due(now() + HOUR, 9))


def test_repeated_request_becomes_one_interview(
    receiver: RequestProcessor, interviews: MemoryInterviews, files: FileServer
) -> None:
    request_id = received(receiver, files)
    assert received(receiver, files) == request_id == interview_id_of("one")
    receiver.process(request_id)
    found = interviews.get(request_id)
    assert (found.status, found.source) == (Status.QUEUED, Source.KAFKA)
    # The message is redelivered when the interview exists already.
    assert received(receiver, files) == request_id
    with pytest.raises(NotFound):
        receiver.requests.begin(request_id, "run", now(), now())
    receiver.process(request_id)
    assert interviews.get(request_id) == found


def test_interview_of_a_crashed_attempt_is_reused(
    receiver: RequestProcessor,
    requests: MongoRequests,
    interviews: MemoryInterviews,
    files: FileServer,
) -> None:
    request_id = received(receiver, files)
    receiver.process(request_id)
    found = interviews.get(request_id)
    requests.add(pending("one", files.url))
    receiver.process(request_id)
    assert interviews.get(request_id) == found
    assert stuck(requests) == []


def test_busy_server_is_retried_after_its_delay(
    receiver: RequestProcessor,
    requests: MongoRequests,
    interviews: MemoryInterviews,
    files: FileServer,
) -> None:
    files.statuses = [503, 429]
    request_id = received(receiver, files)
    for attempt in (1, 2):
        receiver.process(request_id)
        (left,) = stuck(requests)
        assert left.attempts == attempt
        assert left.next_attempt_at is not None
        assert timedelta(seconds=50) < left.next_attempt_at - now() < timedelta(seconds=70)
    receiver.process(request_id)
    assert interviews.get(request_id).status is Status.QUEUED


def test_unavailable_server_exhausts_the_attempts(
    receiver: RequestProcessor, requests: MongoRequests
) -> None:
    request_id = receive(
        requests, receiver.intake.interviews, payload("http://127.0.0.1:9/x"), "one", Source.KAFKA
    )
    for _ in range(9):
        receiver.process(request_id)
    assert requests.pending_events(9) == []
    with pytest.raises(Permanent):
        receiver.process(request_id)
    (event,) = requests.pending_events(9)
    assert event.facts["error"] == "audio_url_unreachable"


def test_crashing_request_exhausts_the_attempts(
    receiver: RequestProcessor, requests: MongoRequests, files: FileServer
) -> None:
    request_id = received(receiver, files)
    for _ in range(10):
        requests.begin(request_id, "killed", now() + HOUR, now())
    with pytest.raises(Permanent):
        receiver.process(request_id)
    (event,) = requests.pending_events(9)
    assert event.facts["error"] == "poison"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"type": "unheard-of"}, "invalid"),
        ({"analyses": ["sentiment"]}, "consent_missing"),
        ({"audio_url": "ftp://example.com/a"}, "audio_url_forbidden"),
    ],
)
def test_rejection_records_an_event_without_personal_data(
    receiver: RequestProcessor,
    requests: MongoRequests,
    database: Database[dict[str, Any]],
    files: FileServer,
    changed: dict[str, Any],
    code: str,
) -> None:
    body = {**payload(files.url), **changed}
    request_id = receive(requests, receiver.intake.interviews, body, "one", Source.KAFKA)
    with pytest.raises(InvalidInput):
        receiver.process(request_id)
    (event,) = requests.pending_events(9)
    assert (event.id, event.facts["error"]) == (f"{request_id}:failed:0", code)
    (left,) = database["requests"].find()
    assert set(left) == {"_id", "outbox", "refused_at"}
    requests.mark_published([event])
    assert requests.pending_events(9) == []
    # It is known, and not retried.
    assert receive(requests, receiver.intake.interviews, body, "one", Source.KAFKA) == request_id
    receiver.process(request_id)
    assert requests.pending_events(9) == []


def test_only_one_attempt_holds_a_request(
    receiver: RequestProcessor, requests: MongoRequests, files: FileServer
) -> None:
    request_id = received(receiver, files)
    requests.begin(request_id, "first", now(), now() + HOUR)
    with pytest.raises(Superseded):
        requests.begin(request_id, "second", now(), now() + HOUR)
    requests.renew(request_id, "first", now())
    requests.begin(request_id, "second", now() + HOUR, now() + HOUR)
    with pytest.raises(Superseded):
        requests.renew(request_id, "first", now())
    with pytest.raises(Superseded):
        requests.postpone(request_id, "first", now())


def test_stalled_requests_are_resumed_once(
    requests: MongoRequests, app: Celery, settings: Settings
) -> None:
    queues: Broker = broker(settings)
    grace = timedelta(seconds=20)
    reconciler = RequestReconciler(requests, queues, CeleryDispatcher(app), grace)
    for message in ("heard", "unheard"):
        requests.add(pending(message, "http://127.0.0.1:9/x"))
    heard, unheard = interview_id_of("heard"), interview_id_of("unheard")
    requests.begin(heard, "run", now(), now() + HOUR)
    # A message is lost if it is missing at two checks.
    assert reconciler.resume() == 0
    assert reconciler.resume() == 1
    assert reconciler.resume() == 0
    assert queues.backlog().queues[REQUESTS].waiting == 1
    # A lease has expired.
    requests.begin(unheard, "run", now(), now())
    assert reconciler.resume() == 1
    # An attempt is due.
    requests.begin(unheard, "run", now(), now() + HOUR)
    requests.postpone(unheard, "run", now())
    assert reconciler.resume() == 1
    assert reconciler.resume() == 0
    queues.close()
