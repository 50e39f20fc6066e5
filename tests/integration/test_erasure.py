"""Tests that erasure leaves no personal data in stores, logs or metrics."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pymongo
import pytest
import redis
from bson import BSON
from celery import Celery

from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews.interview import BookingOutcome, Status
from tests.kafka import read
from tests.processes import wait_until
from tests.samples import TECHNICAL
from tests.stack import RunningStack, running_stack, wait_for
from worker.adapters.mongo import Mongo, MongoInterviews
from worker.intake.requests import interview_id_of

pytestmark = pytest.mark.slow

NAME = "Zephyrine Quillfeather"
EMAIL = "zephyrine.quillfeather@candidates.example"
INTERVIEWER = "ottoline.brackenbury@company.example"
CONSENT = "consent-of-quillfeather"
FILE = "quillfeather-interview.flac"
SPOKEN = ("aggregator", "frustrating", "terrible", "websites")
"""Words that occur only in the recording; any speech recognition finds most of them."""

SOUND = TECHNICAL.read_bytes()[100_000:100_064]
"""A piece of the recording."""

# Markers are independent of how a store escapes spaces or `@`.
PEOPLE = (b"quillfeather", b"brackenbury")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(
        tmp_path_factory.mktemp("erasure"),
        AUDIO_URL_ALLOW_PRIVATE="true",
        LOG_LEVEL="DEBUG",
    ) as stack:
        yield stack


@contextmanager
def recording_at(place: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    (place / FILE).write_bytes(TECHNICAL.read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(place))) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/{quote(FILE)}"
        http.shutdown()
        thread.join()


def submitted_by_message(running: RunningStack, url: str) -> str:
    """Submit by message, the path on which names pass through broker, worker and store."""
    request = {
        "type": "technical",
        "candidate": {"name": NAME, "email": EMAIL},
        "interviewers": [{"name": "Ottoline Brackenbury", "email": INTERVIEWER}],
        "time_zone": "Europe/Berlin",
        "consent": {"id": CONSENT, "at": now().isoformat()},
        "audio_url": url,
    }
    with closing(Celery("producer", broker=secret(running.settings.redis_url))) as app:
        message = app.send_task(
            "interviews.submit", kwargs={"request": request}, queue="interviews.submit"
        )
    interview_id = interview_id_of(message.id)
    wait_until(lambda: any(i.id == interview_id for i in running.api.list([], [], 50)), 60)
    return interview_id


def secret(value: Any) -> str:
    return str(value.get_secret_value())


def documents(running: RunningStack) -> bytes:
    """All documents of all collections, including the chunks of recordings."""
    with pymongo.MongoClient[dict[str, Any]](secret(running.settings.mongodb_url)) as client:
        return b"\n".join(
            BSON.encode(document)
            for name in client.list_database_names()
            for collection in client[name].list_collection_names()
            for document in client[name][collection].find()
        )


def keys(running: RunningStack) -> bytes:
    """All keys of all Redis databases, with their values."""
    with redis.Redis.from_url(secret(running.settings.redis_url)) as client:
        found = []
        for number in range(int(client.config_get("databases")["databases"])):
            client.execute_command("SELECT", number)
            found += [key + b"=" + (client.dump(key) or b"") for key in client.scan_iter()]
            lists = (key for key in client.scan_iter(_type="list"))
            found += [b"".join(client.lrange(key, 0, -1)) for key in lists]
            hashes = (key for key in client.scan_iter(_type="hash"))
            found += [b"".join(client.hvals(key)) for key in hashes]
        return b"\n".join(found)


def events(running: RunningStack, count: int) -> bytes:
    """All records of the topic of events, once it has this many."""
    servers = running.settings.kafka_bootstrap_servers
    assert servers is not None
    records = read(servers, running.settings.kafka_events_topic, count)
    return b"\n".join((r.key or b"") + (r.value or b"") for r in records)


def files(place: Path) -> bytes:
    found = (file for file in place.rglob("*") if file.is_file())
    return b"\n".join(str(file).encode() + b"\n" + file.read_bytes() for file in found)


def calendars(running: RunningStack) -> bytes:
    """The events in Radicale. The existence of a calendar does not reveal an interview."""
    found = (running.settings.data_dir / "radicale").rglob("*.ics")
    return b"\n".join(file.read_bytes() for file in found)


def figures(running: RunningStack) -> bytes:
    shown = httpx2.get(f"{running.stack.api_url}/metrics", trust_env=False).content
    return shown + files(running.settings.metrics_directory)


STORES: dict[str, Callable[[RunningStack], bytes]] = {
    "MongoDB": documents,
    "Redis": keys,
    "calendars": calendars,
    "figures": figures,
    "logs": lambda running: files(running.stack.log_dir),
}


def heard(running: RunningStack, interview_id: str) -> tuple[bytes, ...]:
    """The marker words of the recording that were recognised."""
    url = f"{running.stack.api_url}/api/v1/interviews/{interview_id}/transcript?format=text"
    text = httpx2.get(url).raise_for_status().text.lower()
    found = tuple(word.encode() for word in SPOKEN if word in text)
    assert len(found) >= len(SPOKEN) / 2, text
    return found


def held(
    running: RunningStack, published: int, markers: tuple[bytes, ...]
) -> dict[str, list[bytes]]:
    """The markers found in each store, once this many events are published."""
    texts = {name: content(running) for name, content in STORES.items()}
    texts["Kafka"] = events(running, published)
    found: dict[str, list[bytes]] = {}
    for name, text in texts.items():
        lowered = text.lower()
        there = [marker for marker in markers if marker in lowered]
        there += [SOUND] if SOUND in text else []
        found |= {name: there} if there else {}
    return found


def test_erased_data_remains_in_no_store(running: RunningStack, tmp_path: Path) -> None:
    with recording_at(tmp_path) as url:
        interview_id = submitted_by_message(running, url)
        final = wait_for(running.api, interview_id)
    assert final.status is Status.COMPLETED
    assert final.booking is not None
    assert final.booking.outcome is BookingOutcome.BOOKED
    opinion = {"type": "overall", "agrees": True, "by": "Robin", "comment": f"{NAME} did well"}
    running.api.give_feedback(interview_id, opinion)
    # Control: the markers are found before the erasure, so the search works.
    markers = (*PEOPLE, *heard(running, interview_id))
    before = held(running, 5, markers)
    assert set(before.pop("MongoDB")) == {*markers, SOUND}
    assert set(before.pop("calendars")) == {*PEOPLE}
    assert before == {}

    running.api.erase(interview_id)
    with pytest.raises(Permanent, match="erased"):
        running.api.get(interview_id)
    with closing(Mongo(secret(running.settings.mongodb_url))) as mongo:
        store = MongoInterviews(mongo.database)
        wait_until(lambda: not store.pending_events(1), 20)
    assert held(running, 6, markers) == {}
    assert interview_id.encode() in documents(running)
    last = json.loads(events(running, 6).splitlines()[-1][len(interview_id) :])
    assert last["type"] == "interview.erased"
