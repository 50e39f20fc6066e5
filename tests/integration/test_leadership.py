"""Two sidecars on one database: one performs each duty, and the other takes over."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pymongo.database import Database

from monitoring import metrics
from tasks.interviews import transitions
from tests.conftest import Document
from tests.kafka import read_json
from tests.monitoring.figures import scraped
from tests.samples import an_interview
from tests.sidecar import running
from tests.timing import allowed, wait_until, within
from tests.webhooks import SECRET
from worker.adapters.mongo import MongoInterviews
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port
from worker.settings import Settings

pytestmark = pytest.mark.slow

DUTIES = {"reconciler", "relay", "request-relay", "retention", "webhooks"}
LEASE = 10
"""Seconds after which a leader that was killed is replaced."""


@dataclass(frozen=True)
class Sidecar:
    process: Child
    url: str

    @property
    def duties(self) -> set[str]:
        """The duties that it leads; none once it has ended."""
        try:
            found = scraped(self.url).by_labels(metrics.LEADER)
        except httpx2.HTTPError:
            return set()
        assert {duty for (duty,) in found} == DUTIES
        return {duty for (duty,), leads in found.items() if leads}


class Producer:
    """Creates interviews all the time, each with an event for the outbox."""

    def __init__(self, database: Database[Document]) -> None:
        self._store = MongoInterviews(database)
        self._documents = database["interviews"]
        self.events: list[str] = []

    def create(self, count: int = 1) -> None:
        for _ in range(count):
            interview = an_interview()
            event = transitions.created(interview)
            self._store.create(interview, event)
            self.events.append(event.id)

    @contextmanager
    def running(self) -> Iterator[None]:
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(0.05):
                self.create()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @property
    def pending(self) -> int:
        return self._documents.count_documents({"outbox.at": {"$exists": True}})


@pytest.fixture
def topic(topic_prefix: str) -> str:
    return f"{topic_prefix}events"


@pytest.fixture
def sidecars(
    settings: Settings, kafka_bootstrap_servers: str, topic: str, tmp_path: Path
) -> Iterator[list[Sidecar]]:
    """Two sidecars; the first leads everything."""
    with ExitStack() as stack:
        found: list[Sidecar] = []
        for number in range(2):
            place = tmp_path / str(number)
            sidecar = starting(settings, place, kafka_bootstrap_servers, topic)
            found.append(stack.enter_context(sidecar))
            wait_until(lambda: found[0].duties == DUTIES, 30)
        yield found


@contextmanager
def starting(settings: Settings, place: Path, kafka: str, topic: str) -> Iterator[Sidecar]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = settings.with_environment(
        {
            "API_PORT": str(port),
            "MONGODB_METRICS_PORT": str(free_port()),
            "METRICS_DIR": str(place / "metrics"),
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "KAFKA_EVENTS_TOPIC": topic,
            "KAFKA_REQUESTS_TOPIC": f"{topic}.requests",
            "KAFKA_GROUP": f"{topic}.group",
            "WEBHOOK_SECRET": SECRET,
        }
    )
    with running("server", own, place, f"{url}/health/live") as process:
        yield Sidecar(process, url)


@pytest.fixture
def producer(database: Database[Document]) -> Producer:
    return Producer(database)


def published(servers: str, topic: str, count: int) -> Counter[str]:
    events: list[dict[str, Any]] = read_json(servers, topic, count)
    return Counter(event["id"] for event in events)


def test_every_event_is_published_once_even_if_the_leader_is_stopped(
    sidecars: list[Sidecar], producer: Producer, kafka_bootstrap_servers: str, topic: str
) -> None:
    first, second = sidecars
    with producer.running():
        wait_until(lambda: len(producer.events) >= 50)
        assert second.duties == set()
        first.process.terminate()
        # Without its resignation, the lease would have to lapse.
        with within(3, before=LEASE):
            wait_until(lambda: second.duties == DUTIES)
        so_far = len(producer.events)
        wait_until(lambda: len(producer.events) >= so_far + 50)
    wait_until(lambda: not producer.pending)
    wait_until(lambda: not first.process.is_running)
    found = published(kafka_bootstrap_servers, topic, len(producer.events))
    assert found == Counter(producer.events)


def test_nothing_is_lost_if_the_leader_is_killed(
    sidecars: list[Sidecar], producer: Producer, kafka_bootstrap_servers: str, topic: str
) -> None:
    first, second = sidecars
    with producer.running():
        wait_until(lambda: len(producer.events) >= 50)
        first.process.kill()
        began = time.monotonic()
        wait_until(lambda: second.duties == DUTIES, 3 * LEASE, interval=0.2)
        assert time.monotonic() - began < allowed(LEASE + 5)
        so_far = len(producer.events)
        wait_until(lambda: len(producer.events) >= so_far + 10)
    wait_until(lambda: not producer.pending)
    found = published(kafka_bootstrap_servers, topic, len(producer.events))
    assert set(found) == set(producer.events)
    # Twice are those that were published and not yet marked.
    assert found.total() - len(found) < 50


def test_a_leader_that_is_cut_off_from_kafka_gives_way(
    settings: Settings,
    producer: Producer,
    kafka_bootstrap_servers: str,
    topic: str,
    tmp_path: Path,
) -> None:
    """Its own network is at fault: the other reaches Kafka."""
    nowhere = f"127.0.0.1:{free_port()}"
    with starting(settings, tmp_path / "0", nowhere, topic) as first:
        wait_until(lambda: "relay" in first.duties, 30)
        producer.create(3)
        with starting(settings, tmp_path / "1", kafka_bootstrap_servers, topic):
            wait_until(lambda: not producer.pending, 30)
    found = published(kafka_bootstrap_servers, topic, 3)
    assert set(found) == set(producer.events)
