"""Servers without authentication do not trust web pages."""

from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.integration.test_access import api
from tests.integration.test_api import PATH, particulars, problem
from tests.sidecar import running
from worker.local.processes.ports import free_port
from worker.settings import Settings

OTHER = "https://evil.example"

FOREIGN = {
    "rebinding": {"host": "evil.example"},
    "rebinding with a port": {"host": "evil.example:3001"},
    "rebinding to a name that looks local": {"host": "127.0.0.1.evil.example"},
    "rebinding to a local suffix": {"host": "localhost.evil.example"},
    "malformed host": {"host": "[::1"},
    "empty host": {"host": ""},
    "form of another site": {"origin": OTHER, "sec-fetch-site": "cross-site"},
    "form of another site that navigates": {
        "origin": OTHER,
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
    },
    "old browser": {"origin": OTHER},
    "sandboxed frame": {"origin": "null"},
    "image": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    "another port of this machine": {"origin": "http://127.0.0.1:8000"},
    "same site": {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
}
OWN = {
    "no browser": {},
    "another name": {"host": "localhost:3001"},
    "absolute name": {"host": "localhost."},
    "IPv6": {"host": "[::1]:3001"},
    "typed address": {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
    "own page": {
        "host": "127.0.0.1:3001",
        "origin": "http://127.0.0.1:3001",
        "sec-fetch-site": "same-origin",
    },
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_page_is_refused(
    client: TestClient, method: str, headers: dict[str, str]
) -> None:
    body = particulars(audio_url="http://127.0.0.1:9/a")
    problem(client.request(method, PATH, headers=headers, json=body), 403, "foreign_page")
    for path in ("/metrics", "/health", "/openapi.json"):
        assert client.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN.keys())
def test_others_are_served(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get(PATH, headers=headers).status_code == 200
    problem(client.post(PATH, headers=headers, json={}), 422, "invalid", "/candidate")


def test_a_link_of_another_page_leads_to_the_documentation(client: TestClient) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/docs", headers=link).status_code == 200


def test_keys_protect_from_web_pages_too(settings: Settings) -> None:
    """An API with keys may have any name: pages do not have a key."""
    with api(settings, AUTH="keys") as guarded:
        problem(guarded.get(PATH, headers=FOREIGN["rebinding"]), 401, "unauthorized")


def test_flower_trusts_no_web_page(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    changed = settings.with_environment({"FLOWER_PORT": str(port)})
    url = f"http://127.0.0.1:{port}"
    with running("flower", changed, tmp_path, f"{url}/healthcheck"):
        for headers in FOREIGN.values():
            for path in ("/workers", "/api/workers"):
                assert httpx2.get(url + path, headers=headers).status_code in (400, 403), headers
            stop = httpx2.post(f"{url}/api/worker/shutdown/all@host", headers=headers)
            assert stop.status_code in (400, 403), headers
        for headers in ({}, {"host": f"localhost:{port}"}):
            assert httpx2.get(f"{url}/workers", headers=headers).status_code == 200
