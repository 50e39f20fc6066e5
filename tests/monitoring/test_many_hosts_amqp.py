"""Metrics of two hosts on one RabbitMQ agree with the stored documents."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import httpx2
import pytest

from monitoring import metrics
from monitoring.metrics.definitions import Metric
from monitoring.stack.prometheus.alerts import ALWAYS
from tasks.interviews.interview import Interview, Stage
from tasks.pipeline.queues import QUEUES, STAGES
from tests.clips import noise
from tests.monitoring.figures import Figures, busy, totals
from tests.monitoring.rabbitmq import rabbitmq_server
from tests.monitoring.scripted_stack import Hosts, scripted_hosts
from tests.monitoring.scripted_worker import HELD
from tests.monitoring.test_ground_truth import Truth, check_histograms, check_interviews, submit
from tests.processes import wait_for, wait_until
from tests.requirements import needs
from tests.stack import wait_for as wait_for_end
from worker.bootstrap import open_stores

pytestmark = [pytest.mark.slow, needs("rabbitmq-server", "epmd")]

NAMES = ("one", "two")
TRANSCRIBE, *_ = STAGES

MIXED = [
    f"{what}-{stage}-{number}"
    for number, what in enumerate(("go", "retry", "kill", "fail", "go"))
    for stage in Stage
]
"""The scripted outcome of each interview; `kill` kills the child process once."""

PROCESSES = 2
"""Pool processes of both hosts."""

WAITING = 6


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    (tmp_path / "rabbitmq").mkdir()
    with (
        rabbitmq_server(tmp_path / "rabbitmq") as (_, broker),
        scripted_hosts(tmp_path, *NAMES, REDIS_URL=broker) as found,
    ):
        yield found


@pytest.mark.timeout(600)
def test_every_figure_is_the_truth_on_two_hosts(hosts: Hosts, tmp_path: Path) -> None:
    clip = noise(tmp_path / "clip.wav")

    def submit_each(names: Sequence[str]) -> list[str]:
        return [submit(apis[number % 2], clip, name) for number, name in enumerate(names)]

    def wait_for_all(interviews: Sequence[str]) -> None:
        for one in interviews:
            wait_for_end(apis[0], one, timeout=240)

    with hosts.apis() as apis:
        ids = submit_each(MIXED)
        wait_for_all(ids)
        held = hosts.notes / HELD
        held.touch()
        ids += submit_each([f"hold-transcribe-{number}" for number in range(PROCESSES + WAITING)])
        check_waiting(hosts)
        for process in (hosts.worker("two"), hosts.sidecar("two")):
            process.kill()
            process.start()
            wait_until(lambda: is_up(hosts), 60)
        held.unlink()
        wait_for_all(ids)
    wait_for(lambda: busy(hosts.totals()), {}, 40)
    found = hosts.scraped()
    with open_stores(hosts.running.settings) as stores:
        everyone = [stores.interviews.get(one) for one in ids]
    check_counters(totals(found), everyone)
    for one in found:
        assert [metric.name for metric in ALWAYS if not is_exposed(metric, one)] == []


def check_waiting(hosts: Hosts) -> None:
    """Each gauge has the true value once, while some interviews run and others wait."""
    wait_for(lambda: hosts.totals().by_labels(metrics.QUEUE_DEPTH)[TRANSCRIBE, "any"], WAITING, 30)
    wait_for(
        lambda: sum(hosts.totals().by_labels(metrics.CELERY_TASKS_ACTIVE).values()), PROCESSES, 30
    )
    for one in (*hosts.scraped(), hosts.totals()):
        check_shared(one)
    processes = hosts.totals().by_labels(metrics.CELERY_PROCESSES)
    assert processes == dict.fromkeys(((queue,) for queue in QUEUES), PROCESSES)
    for url in hosts.urls.values():
        wait_for(partial(broker_of, url), ("ok", None), 30)


def check_shared(found: Figures) -> None:
    active = PROCESSES + WAITING
    assert found.by_labels(metrics.INTERVIEWS_ACTIVE) == {(): active}
    assert found.by_labels(metrics.INTERVIEWS_IN_STAGE) == {
        ("transcribe",): active,
        ("analyse",): 0,
        ("schedule",): 0,
    }
    assert found.by_labels(metrics.RABBITMQ_UP) == {(): 1}
    assert found.by_labels(metrics.REDIS_UP) == {}
    ages = found.by_labels(metrics.QUEUE_OLDEST_AGE)
    assert ages[TRANSCRIBE,] > 0
    assert [age for queue, age in ages.items() if queue != (TRANSCRIBE,)] == [0, 0]


def broker_of(url: str) -> tuple[str, object]:
    """The health of the broker, and the states of circuits, which are unknown without Redis."""
    found = httpx2.get(f"{url}/health?verbose=1").json()
    assert "redis" not in found["checks"]
    return found["checks"]["rabbitmq"], found["details"]["external_apis"].get("circuits", "away")


def is_up(hosts: Hosts) -> bool:
    """Whether both sidecars answer, and both workers take messages."""
    for name in NAMES:
        hosts.worker(name).check()
        hosts.sidecar(name).check()
    try:
        up = hosts.totals().by_labels(metrics.CELERY_WORKER_UP)
    except httpx2.HTTPError:
        return False
    return sum(up.values()) == len(NAMES)


def is_exposed(metric: Metric, found: Figures) -> bool:
    """Whether a metric has samples; each broker has its own metric of whether it is up."""
    return bool(found.by_labels(metrics.RABBITMQ_UP if metric is metrics.REDIS_UP else metric))


def check_counters(found: Figures, everyone: list[Interview]) -> None:
    """The sums over hosts are what the documents say."""
    check_interviews(found, Truth(everyone, 0))
    check_histograms(found)
    durations, retries = (
        found.counts(metrics.STAGE_DURATION),
        found.by_labels(metrics.STAGE_RETRIES),
    )
    resumed = found.by_labels(metrics.RESUMED)
    for stage in Stage:
        attempts = sum(one.stages[stage].attempts for one in everyone)
        succeeded = sum(one.stages[stage].finished_at is not None for one in everyone)
        failed = sum(one.failed_stage is stage for one in everyone)
        assert durations[stage, "success"] == succeeded
        assert durations[stage, "failed"] == failed
        tried_again = sum(n for (name, _), n in retries.items() if name == stage)
        assert tried_again == attempts - succeeded - failed
        assert resumed[stage, "message_lost"] == 0
        assert resumed[stage, "retry"] == retries[stage, "scripted"]
        assert resumed[stage, "lease_lapsed"] <= retries[stage, "lost"]
    for outcome in (metrics.CELERY_SUCCEEDED, metrics.CELERY_FAILED):
        assert sum(found.by_labels(outcome).values()) > 0
    submitted = found.by_labels(metrics.HTTP_REQUESTS)["/api/v1/interviews", "POST", "202"]
    assert submitted == len(everyone)
    received, started, released = (
        sum(found.by_labels(metric).values())
        for metric in (metrics.CELERY_RECEIVED, metrics.CELERY_STARTED, metrics.CELERY_RELEASED)
    )
    assert received == started + released
