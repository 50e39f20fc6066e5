"""Metrics of two hosts on one RabbitMQ agree with the stored documents.

Each host has a metrics directory, a sidecar and a worker. The total of several hosts is the sum of
what each reports of its own processes, and the single value that all report of a shared server.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx2
import pytest

from monitoring import metrics
from monitoring.metrics.definitions import Metric, Scope
from monitoring.stack.prometheus.alerts import ALWAYS
from tasks.interviews.interview import Interview, Stage
from tasks.pipeline.queues import QUEUES, STAGES
from tests.clips import noise
from tests.monitoring.figures import Figures, scraped
from tests.monitoring.rabbitmq import rabbitmq_server
from tests.monitoring.test_ground_truth import Truth, check_histograms, check_interviews, submit
from tests.processes import ROOT, wait_for, wait_until
from tests.requirements import needs
from tests.stack import RunningStack, running_services
from tests.stack import wait_for as wait_for_end
from worker.bootstrap import open_stores
from worker.cli.client import ApiClient
from worker.local.processes.ports import free_port
from worker.local.stack import Stack, is_answering, services
from worker.local.supervisor import Service

pytestmark = [pytest.mark.slow, needs("rabbitmq-server", "epmd")]

HOSTS = ("one", "two")
TRANSCRIBE, *_ = STAGES

MIXED = [
    f"{what}-{stage}-{number}"
    for number, what in enumerate(("go", "retry", "kill", "fail", "go"))
    for stage in Stage
]
"""The scripted outcome of each interview; `kill` kills the child process once."""

PROCESSES = 4
"""Pool processes of both hosts."""

WAITING = 6


@dataclass(frozen=True)
class Hosts:
    """Two hosts, and the directory in which their workers record injected failures."""

    running: RunningStack
    urls: Sequence[str]
    apis: Sequence[ApiClient]
    notes: Path
    clip: Path

    def submit(self, names: Sequence[str]) -> list[str]:
        """Submit interviews, to each host in turn."""
        return [submit(self.apis[number % 2], self.clip, name) for number, name in enumerate(names)]

    def wait(self, interviews: Sequence[str]) -> None:
        for one in interviews:
            wait_for_end(self.running.api, one, timeout=240)

    def restart(self, name: str) -> None:
        """Kill a process, and start it again under the same name."""
        process = self.running.process(name)
        process.kill()
        process.start()

    def scrape(self) -> list[Figures]:
        return [scraped(url) for url in self.urls]

    def total(self, metric: Metric) -> dict[tuple[str, ...], float]:
        return together(metric, self.scrape())


def together(metric: Metric, hosts: Sequence[Figures]) -> dict[tuple[str, ...], float]:
    """The total of a metric over hosts, as rules and dashboards compute it."""
    if metric.scope is Scope.SHARED:
        first, second = (found.by_labels(metric) for found in hosts)
        assert first == second
        return first
    sums: Counter[tuple[str, ...]] = Counter()
    for found in hosts:
        sums.update(found.by_labels(metric))
    return dict(sums)


def summed(hosts: Sequence[Figures]) -> Figures:
    """The sums of all samples; wrong for shared servers."""
    sums: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
    for found in hosts:
        sums.update(found.samples)
    return Figures(dict(sums))


@contextmanager
def two_hosts(tmp_path: Path) -> Iterator[Hosts]:
    for name in ("rabbitmq", "notes"):
        (tmp_path / name).mkdir()
    urls = [f"http://127.0.0.1:{free_port()}" for _ in HOSTS]

    def chosen(stack: Stack) -> list[Service]:
        return [
            service
            for host, url in zip(HOSTS, urls, strict=True)
            for service in services_of(host, url, stack, tmp_path)
        ]

    with rabbitmq_server(tmp_path / "rabbitmq") as (_, broker), ExitStack() as stack:
        running = stack.enter_context(
            running_services(tmp_path / "data", chosen, RETRY_BACKOFF="0.1", REDIS_URL=broker)
        )
        clients = (running.settings.with_environment({"API_URL": url}) for url in urls)
        apis = [stack.enter_context(ApiClient(settings)) for settings in clients]
        main = replace(running, api=apis[0])
        yield Hosts(main, urls, apis, tmp_path / "notes", noise(tmp_path / "clip.wav"))


def services_of(host: str, url: str, stack: Stack, place: Path) -> list[Service]:
    """The sidecar and the worker of a host."""
    own = {
        **stack.environment,
        "API_PORT": url.rpartition(":")[2],
        "MONGODB_METRICS_PORT": str(free_port()),
        "METRICS_DIR": str(place / host / "metrics"),
        "PYTHONPATH": str(ROOT),
    }
    settings = stack.settings.with_environment(own)
    sidecar, *_ = services(replace(stack, settings=settings, environment=own), flower=False)
    argv = [sys.executable, "-m", "tests.monitoring.holding_worker", str(place / "notes"), host]
    return [
        replace(sidecar, name=f"server-{host}"),
        Service(f"worker-{host}", argv, env=own, ready=is_answering(stack, host)),
    ]


@pytest.mark.timeout(600)
def test_every_figure_is_the_truth_on_two_hosts(tmp_path: Path) -> None:
    with two_hosts(tmp_path) as hosts:
        ids = hosts.submit(MIXED)
        hosts.wait(ids)
        ids += hosts.submit([f"hold-transcribe-{number}" for number in range(PROCESSES)])
        wait_until(lambda: len(list(hosts.notes.glob("*.held"))) == PROCESSES, 60)
        ids += hosts.submit([f"go-transcribe-more{number}" for number in range(WAITING)])
        check_waiting(hosts)
        # One after the other: counters start again once no process of a host is left.
        for name in ("worker-two", "server-two"):
            hosts.restart(name)
            wait_until(lambda: is_up(hosts), 60)
        (hosts.notes / "release").touch()
        hosts.wait(ids)
        wait_for(lambda: busy(hosts), {}, 40)
        found = hosts.scrape()
        with open_stores(hosts.running.settings) as stores:
            everyone = [stores.interviews.get(one) for one in ids]
    check_counters(found, everyone)
    for one in found:
        assert [metric.name for metric in ALWAYS if not is_exposed(metric, one)] == []


def check_waiting(hosts: Hosts) -> None:
    """Each gauge has the true value once, while some interviews run and others wait."""
    active = PROCESSES + WAITING
    wait_for(lambda: hosts.total(metrics.QUEUE_DEPTH)[TRANSCRIBE, "any"], WAITING, 30)
    wait_for(lambda: sum(hosts.total(metrics.CELERY_TASKS_ACTIVE).values()), PROCESSES, 30)
    assert hosts.total(metrics.INTERVIEWS_ACTIVE) == {(): active}
    assert hosts.total(metrics.INTERVIEWS_IN_STAGE) == {
        ("transcribe",): active,
        ("analyse",): 0,
        ("schedule",): 0,
    }
    assert hosts.total(metrics.CELERY_PROCESSES) == dict.fromkeys(((q,) for q in QUEUES), PROCESSES)
    assert hosts.total(metrics.RABBITMQ_UP) == {(): 1}
    assert hosts.total(metrics.REDIS_UP) == {}
    for url in hosts.urls:
        wait_for(partial(broker_of, url), ("ok", None), 30)
    for one in hosts.scrape():
        ages = one.by_labels(metrics.QUEUE_OLDEST_AGE)
        assert ages[TRANSCRIBE,] > 0
        assert [age for queue, age in ages.items() if queue != (TRANSCRIBE,)] == [0, 0]


def broker_of(url: str) -> tuple[str, object]:
    """The health of the broker, and the states of circuits, which are unknown without Redis."""
    found = httpx2.get(f"{url}/health?verbose=1").json()
    assert "redis" not in found["checks"]
    return found["checks"]["rabbitmq"], found["details"]["external_apis"].get("circuits", "away")


def is_up(hosts: Hosts) -> bool:
    """Whether both sidecars answer, and both workers take messages."""
    names = [f"worker-{host}" for host in HOSTS] + [f"server-{host}" for host in HOSTS]
    for name in names:
        hosts.running.process(name).check()
    try:
        return sum(hosts.total(metrics.CELERY_WORKER_UP).values()) == len(HOSTS)
    except httpx2.HTTPError:
        return False


def busy(hosts: Hosts) -> dict[str, object]:
    """The gauges with values other than those of an idle service."""
    working = {
        gauge.name: {labels: value for labels, value in hosts.total(gauge).items() if value}
        for gauge in (metrics.INTERVIEWS_ACTIVE, metrics.QUEUE_DEPTH, metrics.CELERY_TASKS_ACTIVE)
    }
    return {name: found for name, found in working.items() if found}


def is_exposed(metric: Metric, found: Figures) -> bool:
    """Whether a metric has samples; each broker has its own metric of whether it is up."""
    return bool(found.by_labels(metrics.RABBITMQ_UP if metric is metrics.REDIS_UP else metric))


def check_counters(hosts: list[Figures], everyone: list[Interview]) -> None:
    """The sums over hosts are what the documents say."""
    found = summed(hosts)
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
