"""Messages and requests with any content add no label values, on the real stack."""

import base64
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from redis import Redis

from monitoring import metrics
from monitoring.metrics.domains import OTHER
from tasks.interviews.interview import Status
from tasks.pipeline.queues import FETCH, QUEUES, REQUESTS
from tests.monitoring.figures import scraped
from tests.monitoring.scripted_stack import scripted_stack
from tests.monitoring.test_names import LINT
from tests.requirements import needs, program
from tests.samples import TECHNICAL
from tests.stack import RunningStack, wait_for
from tests.timing import patience, wait_until

MARK = "hostile"
"""A word in each hostile text."""

MESSAGES = 500
REQUESTS_SENT = 300

TEXTS = (
    lambda n: f"{MARK}-{n}",
    lambda n: f"{MARK}-{n}" + "x" * 10_000,
    lambda n: f"{MARK}\n{n}",
    lambda n: f'{MARK}"{n}\\',
    lambda n: f"{MARK}\0\x06\x16{n}\ud83d\ude00",
    lambda n: f'{MARK}"}} 1\nfaked_total{{n="{n}',
)


def text(number: int) -> str:
    """A hostile text that no other number has."""
    return TEXTS[number % len(TEXTS)](number)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with scripted_stack(tmp_path_factory.mktemp("hostile")) as running:
        wait_until(lambda: scraped(running.stack.api_url).by_labels(metrics.CELERY_WORKER_UP))
        yield running


def message(task: object, arguments: list[object], number: int) -> bytes:
    """A message in kombu's format, with hostile text wherever it may have any."""
    body = json.dumps([arguments, {}, {"callbacks": None, "errbacks": None, "chain": None}])
    hostile, task_id = text(number), str(uuid4())
    headers = {
        "lang": hostile,
        "task": task,
        "id": task_id,
        "root_id": task_id,
        "shadow": hostile,
        "origin": hostile,
        "argsrepr": hostile,
        "model": hostile,
        "hostname": hostile,
    }
    properties = {
        "correlation_id": task_id,
        "delivery_mode": 2,
        "delivery_info": {"exchange": hostile, "routing_key": hostile, "priority": number},
        "priority": number,
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
    }
    envelope = {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return json.dumps(envelope).encode()


def submission(number: int) -> dict[str, Any]:
    """A request to accept an interview of an unknown type."""
    return {
        "type": text(number)[:64],
        "priority": text(number),
        "candidate": {"name": "A", "email": "a@example.com"},
        "audio_url": f"http://127.0.0.1:9/{number}",
        "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
    }


def messages() -> Iterator[tuple[str, bytes]]:
    """Messages, each with the queue that it is put into."""
    for number in range(MESSAGES):
        queue = QUEUES[number % len(QUEUES)]
        kinds: tuple[tuple[object, list[object]], ...] = (
            (queue, [text(number)]),
            (queue, [text(number)] * 7),
            (REQUESTS, [submission(number), text(number)]),
            (FETCH, [text(number)]),
            (text(number), []),
        )
        task, arguments = kinds[number % len(kinds)]
        yield queue, message(task, arguments, number)


def send_messages(running: RunningStack) -> None:
    url = running.settings.redis_url
    assert url is not None
    with closing(Redis.from_url(url.get_secret_value())) as broker:
        for queue, content in messages():
            broker.lpush(queue, content)


def send_requests(url: str) -> None:
    """Requests that no client library would send."""
    place = urlsplit(url)
    for number in range(REQUESTS_SENT):
        word = re.sub(r"[^A-Za-z0-9]", "", text(number))[:2000]
        # The server refuses an unknown method itself, but not one of WebDAV.
        method = (word[:40].upper(), "PROPFIND", "GET", "POST", "DELETE")[number % 5]
        path = (f"/{word}", f"/api/v1/interviews/{word}", f"/health/{word}", f"/metrics%0A{word}")[
            number % 4
        ]
        lines = f"{method} {path} HTTP/1.1\r\nHost: {word}\r\nX-{word[:40]}: {word}\r\n"
        with socket.create_connection((place.hostname, place.port or 80)) as connection:
            connection.settimeout(patience(20))
            connection.sendall(f"{lines}Connection: close\r\n\r\n".encode())
            while connection.recv(65536):
                pass


def exposition(url: str, accept: str = "") -> str:
    answer = httpx2.get(f"{url}/metrics", headers={"Accept": accept}, timeout=patience(20))
    answer.raise_for_status()
    return answer.text


def series(shown: str) -> set[str]:
    """The series of a text, without their values."""
    return {line.rpartition(" ")[0] for line in shown.splitlines() if not line.startswith("#")}


@needs("promtool")
@pytest.mark.timeout(300)
def test_no_message_and_no_request_adds_a_label_value(running: RunningStack) -> None:
    url = running.stack.api_url
    before = exposition(url)
    send_requests(url)
    send_messages(running)
    wait_until(lambda: is_settled(url), 120)
    after = exposition(url)
    new = series(after) - series(before)
    assert MARK not in after.lower()
    assert len(after) < 2 * len(before)
    # Each metric of tasks has its `other` queue, and each route the statuses that were returned.
    assert len(new) < 600
    found = scraped(url)
    counted = found.counted(metrics.CELERY_RECEIVED)
    assert {queue for _, _, queue in counted} == {OTHER}
    # Messages of unknown tasks are not received.
    assert sum(counted.values()) == MESSAGES * 4 / 5
    failures = {exception for *_, exception in found.counted(metrics.CELERY_FAILED)}
    assert failures == {"InvalidInput", "TypeError"}
    assert OTHER in {method for _, method, _ in found.counted(metrics.HTTP_REQUESTS)}
    check_formats(url)
    check_service(running)


def is_settled(url: str) -> bool:
    found = scraped(url)
    waiting = found.by_labels(metrics.CELERY_QUEUE_LENGTH).values()
    running = found.by_labels(metrics.CELERY_TASKS_ACTIVE).values()
    received = sum(found.by_labels(metrics.CELERY_RECEIVED).values())
    return received >= MESSAGES * 4 / 5 and not any((*waiting, *running))


def check_formats(url: str) -> None:
    """The exposition can be parsed, by the client library and by Prometheus itself."""
    parsers: dict[str, Any] = {"": parse_plain, "application/openmetrics-text": parse_open}
    for accept, parse in parsers.items():
        assert list(parse(exposition(url, accept)))
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=exposition(url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert {line.split(" ", 1)[0] for line in checked.stderr.splitlines()} == set(LINT)


def check_service(running: RunningStack) -> None:
    """An ordinary interview is processed as ever."""
    recording = Path(running.stack.log_dir) / "go-all-1.flac"
    recording.write_bytes(TECHNICAL.read_bytes())
    interview = running.api.submit(
        recording,
        {
            "type": "technical",
            "candidate": {"name": "A", "email": "a@example.com"},
            "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
        },
    )
    assert wait_for(running.api, interview.id).status is Status.COMPLETED
