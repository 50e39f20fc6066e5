"""The sidecar's responses while its dependencies are down."""

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import httpx2
import pytest
import yaml

from monitoring import metrics
from monitoring.metrics.definitions import Gauge
from tasks.errors import Transient
from tests.monitoring.figures import Figures, scraped
from tests.monitoring.scripted_stack import scripted_stack
from tests.processes import ROOT, frozen
from tests.stack import RunningStack
from tests.timing import patience, wait_until, within
from worker.adapters.resilience.breaker import BreakerRegistry


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with scripted_stack(tmp_path_factory.mktemp("sidecar")) as running:
        yield running


def health(running: RunningStack, path: str = "") -> tuple[int, dict[str, Any]]:
    answer = httpx2.get(f"{running.stack.api_url}/health{path}", timeout=patience(10))
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()


def scraped_in_time(url: str) -> Figures:
    """Scrape a sidecar whose stores hang; it waits one second for all of them together."""
    config = yaml.safe_load(
        (ROOT / "monitoring" / "stack" / "prometheus" / "prometheus.yml").read_text()
    )
    patience = float(config["global"]["scrape_timeout"].removesuffix("s"))
    with within(3, before=patience):
        return scraped(url)


def is_ready(running: RunningStack) -> bool:
    return health(running, "/ready")[0] == 200


def test_says_how_it_is(running: RunningStack) -> None:
    wait_until(lambda: health(running)[0] == 200)
    _, body = health(running)
    assert set(body) == {"status", "timestamp", "version", "uptime", "checks"}
    assert set(body["checks"]) == {"database", "redis", "kafka", "external_apis"}
    assert set(body["checks"].values()) <= {"ok", "degraded"}
    assert body["uptime"] > 0
    assert health(running, "/live") == (200, {"status": "ok"})


def test_tells_more_when_asked(running: RunningStack) -> None:
    _, body = health(running, "?verbose=1")
    details = body["details"]
    # Rounded to a tenth of a millisecond, so a fast server may take 0.
    assert all(0 <= found["response_time_ms"] < 10_000 for found in details.values())
    assert details["database"]["connections"]["open"] >= 1
    assert details["redis"]["memory_bytes"] > 100_000
    assert details["kafka"]["consumer_lag"] == 0
    assert details["external_apis"]["circuits"] == {}
    assert body["process"]["memory_bytes"] > 1_000_000
    assert body["process"]["error_rate"] == 0


each_store = pytest.mark.parametrize(
    ("server", "check", "up", "kept"),
    [
        ("valkey", "redis", metrics.REDIS_UP, metrics.MONGODB_UP),
        ("mongodb", "database", metrics.MONGODB_UP, metrics.REDIS_UP),
        ("kafka", "kafka", metrics.KAFKA_UP, metrics.REDIS_UP),
    ],
)


@each_store
def test_goes_on_while_a_store_hangs(
    running: RunningStack, server: str, check: str, up: Gauge, kept: Gauge
) -> None:
    url = running.stack.api_url
    wait_until(lambda: scraped(url).value(up) == 1)
    with frozen(running.process(server).pid):
        found = scraped_in_time(url)
        assert found.value(up) == 0
        assert found.value(kept) == 1
        assert found.value(metrics.COLLECTOR_UP, check_name(check)) == 0
        assert found.by_labels(metrics.CELERY_WORKER_UP)
        wait_until(lambda: health(running)[1]["checks"][check] == "down")
        status, body = health(running)
        vital = check != "kafka"
        assert (status, body["status"]) == ((503, "down") if vital else (200, "degraded"))
        assert is_ready(running) is not vital
        assert health(running, "/live")[0] == 200
    wait_until(lambda: scraped(url).value(up) == 1, 20)
    wait_until(lambda: health(running)[0] == 200, 20)


@each_store
def test_goes_on_after_a_store_was_killed(
    running: RunningStack, server: str, check: str, up: Gauge, kept: Gauge
) -> None:
    url, process = running.stack.api_url, running.process(server)
    wait_until(lambda: scraped(url).value(up) == 1)
    process.kill()
    try:
        found = scraped(url)
        assert found.value(up) == 0
        assert found.value(kept) == 1
        wait_until(lambda: health(running)[1]["checks"][check] == "down")
        assert health(running)[0] == (200 if check == "kafka" else 503)
    finally:
        process.start()
    wait_until(lambda: scraped(url).value(up) == 1, 30)
    wait_until(lambda: health(running)[1]["checks"][check] == "ok", 30)


def check_name(check: str) -> str:
    return {"database": "mongodb"}.get(check, check)


def test_goes_on_while_all_of_them_hang(running: RunningStack) -> None:
    url = running.stack.api_url
    names = ("valkey", "mongodb", "kafka")
    first, second, third = (running.process(name).pid for name in names)
    with frozen(first), frozen(second), frozen(third):
        found = scraped_in_time(url)
        ups = (metrics.REDIS_UP, metrics.MONGODB_UP, metrics.KAFKA_UP)
        assert [found.value(up) for up in ups] == [0, 0, 0]
        assert found.by_labels(metrics.PROCESS_MEMORY)
    wait_until(lambda: health(running)[0] == 200, 20)


def test_requests_that_hang_do_not_keep_it_from_answering(running: RunningStack) -> None:
    url, many = running.stack.api_url, 60
    path = "/api/v1/interviews"
    limits = httpx2.Limits(max_connections=many)
    with (
        httpx2.Client(base_url=url, timeout=patience(60), limits=limits) as client,
        ThreadPoolExecutor(many) as threads,
        frozen(running.process("mongodb").pid),
    ):
        for _ in range(many):
            threads.submit(client.get, path)
        wait_until(lambda: (scraped(url).value(metrics.HTTP_IN_FLIGHT, path) or 0) == many, 20)
        assert scraped_in_time(url).value(metrics.MONGODB_UP) == 0
        assert health(running)[0] == 503
        assert health(running, "/live")[0] == 200
    wait_until(lambda: health(running)[0] == 200, 20)


def test_mongodb_has_a_port_of_its_own(running: RunningStack) -> None:
    port = running.settings.mongodb_metrics_port
    answer = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=patience(5))
    names = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")}
    assert names == {one.name for one in metrics.ALL if one.name.startswith("mongodb_")}
    assert "mongodb_up 1.0" in answer.text


def test_formats_are_negotiated(running: RunningStack) -> None:
    url = f"{running.stack.api_url}/metrics"
    plain = httpx2.get(url)
    assert plain.headers["content-type"].startswith("text/plain; version=")
    wanted = "application/openmetrics-text; version=1.0.0"
    assert httpx2.get(url, headers={"Accept": wanted}).headers["content-type"].startswith(wanted)
    with httpx2.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert b"# HELP" in gzip.decompress(b"".join(answer.iter_raw()))


def test_processes_are_told_by_role(running: RunningStack) -> None:
    found = scraped(running.stack.api_url)
    roles = {role for role, _ in found.by_labels(metrics.PROCESS_MEMORY)}
    assert roles == {"sidecar", "worker", "child"}
    for metric in (metrics.PROCESS_OPEN_FDS, metrics.PROCESS_MAX_FDS, metrics.HEAP_USED):
        figures = found.by_labels(metric)
        assert len(figures) == 4
        assert all(value > 0 for value in figures.values())
    used, total = found.by_labels(metrics.HEAP_USED), found.by_labels(metrics.HEAP_TOTAL)
    assert all(used[process] <= total[process] for process in used)


def test_says_that_a_worker_was_killed(running: RunningStack) -> None:
    url, worker = running.stack.api_url, running.process("worker-all")

    def up() -> float | None:
        ((_, value),) = scraped(url).by_labels(metrics.CELERY_WORKER_UP).items()
        return value

    wait_until(lambda: up() == 1)
    assert is_ready(running)
    worker.kill()
    wait_until(lambda: up() == 0)
    status, body = health(running, "/ready")
    assert status == 503
    assert body["reasons"] == [f"worker {worker_name(url)} is down"]
    assert served(scraped(url)) == {0}
    worker.start()
    wait_until(lambda: up() == 1, 20)
    wait_until(lambda: is_ready(running))
    # A worker reports its queues once it consumes from them, some moments after it is up.
    wait_until(lambda: served(scraped(url)) == {1}, 20)


def worker_name(url: str) -> str:
    ((name,),) = scraped(url).by_labels(metrics.CELERY_WORKER_UP)
    return name


def served(found: Figures) -> set[float]:
    return set(found.by_labels(metrics.CELERY_CONSUMERS).values())


def test_tells_which_endpoints_are_left_alone(running: RunningStack) -> None:
    assert running.settings.redis_url is not None
    url = running.settings.redis_url.get_secret_value()
    with closing(BreakerRegistry(url, failures=1, seconds=60, trial_timeout=60)) as guard:
        for error, endpoint in ((None, "/v1/models"), (Transient("away"), "/v1/messages")):
            with suppress(Transient), guard("anthropic", endpoint):
                if error is not None:
                    raise error
    wait_until(lambda: health(running)[1]["checks"]["external_apis"] == "ok")
    states = {"anthropic /v1/messages": "open", "anthropic /v1/models": "closed"}
    wait_until(
        lambda: health(running, "?verbose=1")[1]["details"]["external_apis"]["circuits"] == states
    )
    assert scraped(running.stack.api_url).by_labels(metrics.CIRCUIT_STATE) == {
        ("anthropic", "/v1/messages"): 2,
        ("anthropic", "/v1/models"): 0,
    }
