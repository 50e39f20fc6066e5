"""Tests of rate limits, body sizes and body timeouts on real servers."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import redis
from fastapi.testclient import TestClient
from pymongo.database import Database

from tests.conftest import Document
from tests.integration.test_access import api, bearer
from tests.integration.test_api import PATH, particulars, problem
from tests.servers.dripping import DRIPS, dripping
from tests.sidecar import serving
from tests.timing import allowed, patience, wait_until, within
from worker.adapters.mongo import MongoKeys, PortableInterviews
from worker.adapters.resilience.rate_limit import RateLimit
from worker.ports import Scope
from worker.settings import Settings


@pytest.fixture
def limit(broker_url: str) -> Iterator[RateLimit]:
    """Ten requests per minute: one every six seconds."""
    limit = RateLimit(broker_url, 10, key_prefix="test-", timeout=allowed(5))
    yield limit
    limit.close()


def test_burst_up_to_the_limit_is_allowed(limit: RateLimit) -> None:
    assert [limit.take("ines") for _ in range(10)] == [0] * 10
    assert 0 < limit.take("ines") <= 6
    assert limit.take("robin") == 0


def test_rejected_requests_do_not_count(limit: RateLimit) -> None:
    waits = [limit.take("ines") for _ in range(60)][10:]
    assert max(waits) <= 6


def test_requests_are_allowed_again_after_a_while(broker_url: str) -> None:
    # One per second; only a very slow machine would send fewer.
    limit = RateLimit(broker_url, 60, timeout=allowed(5))
    while not (wait := limit.take("ines")):
        pass
    assert wait <= 1
    # After its share of the minute, not at the end of the minute.
    with within(10, before=50):
        wait_until(lambda: not limit.take("ines"))
    limit.close()


def test_limit_is_shared_between_processes(limit: RateLimit, broker_url: str) -> None:
    other = RateLimit(broker_url, 10, key_prefix="test-", timeout=allowed(5))
    with ThreadPoolExecutor(8) as threads:
        takes = [threads.submit((limit, other)[n % 2].take, "ines") for n in range(100)]
    assert [take.result() for take in takes].count(0) == 10
    other.close()


def test_counters_expire(limit: RateLimit, broker_url: str) -> None:
    limit.take("ines")
    with redis.Redis.from_url(broker_url) as broker:
        assert broker.keys() == [b"test-rate:ines"]
        assert 0 < broker.pttl("test-rate:ines") <= 6000


def test_requests_are_allowed_without_redis() -> None:
    limit = RateLimit("redis://127.0.0.1:9/0", 1)
    assert [limit.take("ines") for _ in range(5)] == [0] * 5
    limit.close()


def test_requests_over_the_limit_of_a_key_are_rejected(
    settings: Settings, database: Database[Document]
) -> None:
    keys = MongoKeys(database)
    ines, robin = bearer(keys, Scope.READ), bearer(keys, Scope.READ)
    with api(settings, AUTH="keys", RATE_LIMIT="3") as client:
        assert [client.get(PATH, headers=ines).status_code for _ in range(3)] == [200] * 3
        answer = client.get(PATH, headers=ines)
        problem(answer, 429, "too_many_requests")
        assert 0 < int(answer.headers["retry-after"]) <= 20
        assert client.get(PATH, headers=robin).status_code == 200
        assert client.get("/health/live").status_code == 200


def test_failed_authentications_are_limited(settings: Settings) -> None:
    with api(settings, AUTH="keys", RATE_LIMIT="3") as client:
        assert [client.get(PATH).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_open_access_is_limited_by_address(settings: Settings) -> None:
    with api(settings, RATE_LIMIT="3") as client:
        assert [client.get(PATH).status_code for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize("path", ["/docs", "/metrics", PATH, "/no/such/page", "/health/live"])
def test_every_response_has_security_headers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert ("default-src 'none'" in policy) is (path != "/docs")


def test_errors_have_security_headers(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(PortableInterviews, "find", broken)
    answer = client.get(PATH)
    assert answer.status_code == 500
    assert answer.headers["x-frame-options"] == "DENY"


def test_cross_origin_requests_are_not_allowed(client: TestClient) -> None:
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    for answer in (client.get(PATH, headers=origin), client.options(PATH, headers=origin)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_only_uploads_may_be_large(client: TestClient) -> None:
    path = f"{PATH}/00000000-0000-0000-0000-000000000000/review"
    problem(client.post(path, content=b" " * (3 << 20)), 413, "too_large")

    def body() -> Iterator[bytes]:
        for _ in range(3):
            yield b" " * (1 << 20)

    headers = {"content-type": "application/json"}
    problem(client.post(path, headers=headers, content=body()), 413, "too_large")


@pytest.fixture
def address(settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The sidecar as a process, with short timeouts."""
    changed = settings.with_environment({"BODY_TIMEOUT": "0.3"})
    with serving(changed, tmp_path) as url:
        yield url


def test_missing_body_times_out(address: str) -> None:
    for path, media_type in (
        (PATH, "multipart/form-data; boundary=x"),
        (PATH, "application/json"),
        (f"{PATH}/00000000-0000-0000-0000-000000000000/review", "application/json"),
    ):
        answer = answer_to_half_a_body(address, path, media_type)
        assert answer.startswith(b"HTTP/1.1 408 "), path
        assert b'"code":"request_timeout"' in answer
        assert httpx2.get(f"{address}{PATH}").status_code == 200


def answer_to_half_a_body(address: str, path: str, media_type: str) -> bytes:
    host = urlsplit(address)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Type: {media_type}\r\n"
        "Content-Length: 1000\r\n\r\n--x"
    )
    with socket.create_connection((host.hostname, host.port), timeout=allowed(5)) as connection:
        connection.sendall(head.encode())
        answer = b""
        # The connection is closed as well, so the read ends.
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_slow_servers_do_not_keep_the_api_from_answering(
    settings: Settings, tmp_path: Path
) -> None:
    longest = allowed(30)
    hanging = settings.with_environment({"AUDIO_URL_TIMEOUT": f"{longest:g}"})
    with (
        serving(hanging, tmp_path) as url,
        ThreadPoolExecutor(60) as threads,
        httpx2.Client(base_url=url, timeout=patience(60), trust_env=False) as client,
    ):
        with dripping(*DRIPS["body"]) as audio_url:
            posts = [
                threads.submit(client.post, PATH, json=particulars(audio_url=audio_url))
                for _ in range(60)
            ]
            # The API has 40 threads.
            wait_until(lambda: waiting(client) > 45, interval=0.1)
            with within(1, before=longest):
                assert client.get(PATH).status_code == 200
        codes = {post.result().json()["code"] for post in posts}
    assert codes <= {"audio_url_timeout", "audio_url_unreachable", "busy"}


def waiting(client: httpx2.Client) -> float:
    text = client.get("/metrics").text
    in_flight = f'http_requests_in_flight{{path="{PATH}"}}'
    (line,) = (line for line in text.splitlines() if line.startswith(in_flight))
    return float(line.rpartition(" ")[2])


@pytest.mark.parametrize(("proxies", "statuses"), [("", {200, 429}), ("127.0.0.1", {200})])
def test_only_a_trusted_proxy_tells_the_address(
    settings: Settings, tmp_path: Path, proxies: str, statuses: set[int]
) -> None:
    limited = settings.with_environment({"RATE_LIMIT": "5", "FORWARDED_ALLOW_IPS": proxies})
    with serving(limited, tmp_path) as url:
        answers = [
            httpx2.get(url + PATH, headers={"X-Forwarded-For": f"192.0.2.{n}"}, trust_env=False)
            for n in range(12)
        ]
    assert {answer.status_code for answer in answers} == statuses
