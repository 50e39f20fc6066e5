"""Tests of request metrics: any request is counted, with a bounded set of labels."""

import random
import string
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from tests.integration.test_api import PATH, submitted
from tests.monitoring.figures import figures_of
from tests.sidecar import LOOPBACK
from worker.api.application import create_api
from worker.server import open_context
from worker.settings import Settings

ONE = f"{PATH}/{{interview_id}}"
PARTS = ("analysis", "cancel", "feedback", "invitation", "retry", "review", "transcript")
TEMPLATES = {
    "/docs",
    "/docs/oauth2-redirect",
    "/health",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/static-offline-docs/{path}",
    "unmatched",
    PATH,
    ONE,
    *(f"{ONE}/{part}" for part in PARTS),
}
METHODS = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "other"}
STATUSES = {"200", "204", "307", "400", "403", "404", "405", "415", "422", "503"}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(settings: Settings, recorder: Recorder) -> Iterator[TestClient]:
    api = create_api(settings, open_context, recorder)
    with TestClient(
        api, base_url=LOOPBACK, raise_server_exceptions=False, follow_redirects=False
    ) as client:
        yield client


def requests(recorder: Recorder) -> dict[tuple[str, ...], float]:
    return figures_of(recorder).by_labels(metrics.HTTP_REQUESTS)


def test_requests_are_counted_by_route_template(client: TestClient, recorder: Recorder) -> None:
    interview_id = submitted(client)["id"]
    for path in (interview_id, str(uuid4()), f"{interview_id}/transcript", "no-id"):
        client.get(f"{PATH}/{path}")
    client.put(PATH)
    client.get("/health/live")
    client.get("/no/such/page")
    client.get("/static-offline-docs/swagger-ui.css")
    client.get("/static-offline-docs/none")
    text = client.get("/metrics").text
    assert requests(recorder) == {
        (PATH, "POST", "202"): 1,
        (ONE, "GET", "200"): 1,
        (ONE, "GET", "404"): 1,
        (ONE, "GET", "422"): 1,
        (f"{ONE}/transcript", "GET", "404"): 1,
        (PATH, "PUT", "405"): 1,
        ("/health/live", "GET", "200"): 1,
        ("unmatched", "GET", "404"): 1,
        ("/static-offline-docs/{path}", "GET", "200"): 1,
        ("/static-offline-docs/{path}", "GET", "404"): 1,
        ("/metrics", "GET", "200"): 1,
    }
    assert 'http_requests_in_flight{path="/metrics"} 1.0' in text
    assert 'http_requests_in_flight{path="/health/live"} 0.0' in text


def test_unknown_paths_and_methods_add_no_labels(client: TestClient, recorder: Recorder) -> None:
    chance = random.Random(3)
    for _ in range(500):
        ask(client, chance)
    counted = requests(recorder)
    assert sum(counted.values()) == 500
    paths, methods, statuses = (set(values) for values in zip(*counted, strict=True))
    assert paths == TEMPLATES
    assert methods <= METHODS
    assert statuses <= STATUSES
    text = client.get("/metrics").text
    flying = {line for line in text.splitlines() if line.startswith("http_requests_in_flight{")}
    assert len(flying) == len(TEMPLATES)


def ask(client: TestClient, chance: random.Random) -> None:
    """Send any request."""
    template = chance.choice(sorted(TEMPLATES))
    path = chance.choice(
        [
            template,
            template.replace("{interview_id}", str(uuid4())),
            template.replace("{interview_id}", anything(chance)),
            template.replace("{path}", anything(chance)),
            f"{template}/",
            f"/{anything(chance)}/{anything(chance)}",
        ]
    )
    headers: dict[str, Any] = {
        chance.choice(["x-any", "accept", "host", "content-type", "x-http-method-override"]): (
            anything(chance)
        )
    }
    method = chance.choice([*sorted(METHODS), "get", "PROPFIND", anything(chance).upper()])
    content = anything(chance).encode() if chance.random() < 0.3 else None
    query = {anything(chance): anything(chance)}
    client.request(
        method, path.removeprefix("unmatched"), headers=headers, content=content, params=query
    )


def anything(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_letters + string.digits + "-.", k=8))
