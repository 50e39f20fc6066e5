"""Regression tests of malformed requests that were once handled incorrectly."""

import base64

import pytest
from fastapi.testclient import TestClient

from tests.integration.test_api import PATH, particulars, post, problem

TOO_EARLY, TOO_LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"


@pytest.mark.parametrize("moment", [TOO_EARLY, TOO_LATE])
def test_impossible_dates_are_rejected(client: TestClient, moment: str) -> None:
    problem(client.get(PATH, params={"created_from": moment}), 422, "invalid", "/created_from")
    problem(client.get(PATH, params={"created_before": moment}), 422, "invalid", "/created_before")
    consent = {"id": "c-1", "at": moment}
    problem(post(client, consent=consent), 422, "invalid", "/consent/at")
    problem(post(client, follow_up={"latest": moment}), 422, "invalid", "/follow_up/latest")
    cursor = base64.urlsafe_b64encode(f"{moment} x".encode()).decode()
    problem(client.get(PATH, params={"cursor": cursor}), 422, "invalid", "/cursor")


@pytest.mark.parametrize("url", ["http://[", "http://[::1", "http://\u2100/"])
def test_malformed_urls_are_rejected(client: TestClient, url: str) -> None:
    answer = client.post(PATH, json=particulars(audio_url=url))
    problem(answer, 422, "audio_url_forbidden", "/audio_url")


@pytest.mark.parametrize(
    "accept", ["text/plain;version=abc", "application/openmetrics-text;version=1.x"]
)
def test_metrics_in_an_invalid_version(client: TestClient, accept: str) -> None:
    answer = client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_allow_header_lists_all_methods(client: TestClient) -> None:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        answer = client.patch(path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == ", ".join(sorted(map(str.upper, methods))), path


def test_problems_are_documented_with_their_media_type(client: TestClient) -> None:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if status >= "400" and "content" in response and path != "/health/ready":
                    assert list(response["content"]) == ["application/problem+json"], path


def test_local_times_are_documented_without_zone(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    start = schemas["WorkingHours"]["properties"]["start"]
    assert "format" not in start
    assert start["pattern"]


def test_a_list_of_many_types_is_rejected(client: TestClient) -> None:
    problem(client.get(PATH, params={"type": ["a"] * 400}), 422, "invalid", "/type")
    problem(client.get(PATH, params={"status": ["failed"] * 400}), 422, "invalid", "/status")
    assert client.get(PATH, params={"type": [f"type-{n}" for n in range(20)]}).status_code == 200
