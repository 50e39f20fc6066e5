"""The metrics of two hosts together agree with the stored documents, whatever is killed."""

import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitoring import metrics
from monitoring.metrics.definitions import Histogram, Metric
from tasks.interviews.interview import BookingOutcome, Interview, Stage, Status
from tests.clips import noise
from tests.monitoring.figures import Figures, busy, scraped
from tests.monitoring.scripted_stack import Hosts, scripted_hosts
from tests.monitoring.scripted_worker import HELD
from tests.stack import wait_for as wait_for_end
from tests.timing import wait_for, wait_until
from worker.bootstrap import open_stores
from worker.cli.client import ApiClient
from worker.local.processes.child import stop_all

_COUNT = 300 if os.environ.get("CHAOS") == "long" else 90
_HELD = 10
_STATUSES = {Status.COMPLETED: "success", Status.FAILED: "failed", Status.CANCELLED: "cancelled"}
_OUTCOMES = {BookingOutcome.BOOKED: "success", BookingOutcome.UNSCHEDULED: "unscheduled"}


def names() -> list[str]:
    """The scripted outcome of each interview: a seeded mix, including deaths of processes."""
    chance = random.Random(3)
    stages = list(Stage)
    whats = chance.choices(("go", "retry", "fail"), weights=(7, 2, 1), k=_COUNT)
    mixed = [f"{what}-{chance.choice(stages)}-{n}" for n, what in enumerate(whats)]
    deaths = (
        ("kill", Stage.TRANSCRIBE),
        ("kill", Stage.SCHEDULE),
        ("slay", Stage.TRANSCRIBE),
        ("slay", Stage.ANALYSE),
    )
    for number, (what, stage) in enumerate(deaths, start=_COUNT):
        mixed.insert(chance.randrange(_COUNT // 2), f"{what}-{stage}-{number}")
    return mixed


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise(tmp_path_factory.mktemp("clip") / "clip.wav")


def submit(api: ApiClient, clip: Path, name: str) -> str:
    recording = clip.with_name(name)
    recording.hardlink_to(clip)
    person = {"name": "A Person", "email": f"{name}@company.example"}
    particulars = {
        "type": ("screening", "technical", "behavioural")[len(name) % 3],
        "candidate": {"name": "A", "email": "a@example.com"},
        "interviewers": [person],
        "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
    }
    return str(api.submit(recording, particulars).id)


class Operator:
    """Submits interviews to all hosts in turn, and kills and restarts their processes."""

    def __init__(self, hosts: Hosts, apis: Sequence[ApiClient], clip: Path) -> None:
        self._hosts = hosts
        self._apis = apis
        self._clip = clip
        self._waiting: list[str] = []
        self.ids: list[str] = []

    def run(self, script: Sequence[str]) -> None:
        """Submit the interviews of a script, and wait until all have ended."""
        plan: dict[int, Callable[[], None]] = {
            len(script) // 5: self._kill_follower,
            len(script) * 2 // 5: self._kill_leader,
            len(script) // 2: lambda: self._deploy("a"),
            len(script) * 2 // 3: self._kill_follower,
            len(script) * 3 // 4: lambda: self._deploy("b"),
        }
        for number, name in enumerate(script):
            self._submit(self._apis[number % len(self._apis)], name)
            plan.get(number, self._restart_the_dead)()
        self._submit(self._apis[0], "go-transcribe-cancelled")
        self._apis[-1].act(self.ids[-1], "cancel")
        wait_until(self._all_have_ended, 120, interval=0.5)

    def _submit(self, api: ApiClient, name: str) -> None:
        self.ids.append(submit(api, self._clip, name))
        self._waiting.append(self.ids[-1])

    def _all_have_ended(self) -> bool:
        self._restart_the_dead()
        api = self._apis[0]
        self._waiting = [one for one in self._waiting if not api.get(one).status.final]
        return not self._waiting

    def _restart_the_dead(self) -> None:
        """Restart workers that have died, as systemd or Kubernetes would."""
        for host in self._hosts.urls:
            if not self._hosts.worker(host).is_running:
                self._hosts.worker(host).start()

    def _kill_follower(self) -> None:
        (follower,) = (host for host in self._hosts.urls if host != self._leader())
        self._kill_sidecar(follower)

    def _kill_leader(self) -> None:
        """Kill the sidecar that resumes interviews, while there is none to resume.

        If it died between a resumption and counting it, the truth would be another.
        """
        wait_until(self._all_have_ended, 120, interval=0.5)
        self._kill_sidecar(self._leader())

    def _leader(self) -> str:
        """The host whose sidecar resumes interviews; after a kill there is none for ten seconds."""
        wait_until(lambda: len(self._leaders()) == 1, 30, interval=0.2)
        return self._leaders()[0]

    def _leaders(self) -> list[str]:
        return [
            host
            for host, url in self._hosts.urls.items()
            if scraped(url).value(metrics.LEADER, "reconciler")
        ]

    def _kill_sidecar(self, host: str) -> None:
        self._hosts.sidecar(host).kill()
        self._hosts.sidecar(host).start()
        wait_until(lambda: self._hosts.answers(host), 30)

    def _deploy(self, host: str) -> None:
        """Restart a worker as a deployment does: it finishes running tasks first."""
        stop_all([self._hosts.worker(host)], 60)
        self._hosts.worker(host).start()


@dataclass(frozen=True)
class Truth:
    """What the documents say."""

    interviews: list[Interview]
    reports: int

    def each(self, event: Callable[[Interview], tuple[str, ...] | None]) -> dict[object, float]:
        found = (event(interview) for interview in self.interviews)
        return dict(Counter(one for one in found if one is not None))

    def stage(self, stage: Stage, outcome: Callable[[Interview], bool]) -> int:
        return sum(outcome(one) for one in self.interviews if one.stages[stage].attempts)

    def attempts(self, stage: Stage) -> int:
        return sum(one.stages[stage].attempts for one in self.interviews)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with scripted_hosts(tmp_path_factory.mktemp("hosts"), "a", "b") as found:
        yield found


@pytest.mark.timeout(400)
def test_the_sum_over_hosts_is_the_truth(hosts: Hosts, clip: Path) -> None:
    script = names()
    with hosts.apis() as each:
        operator = Operator(hosts, each, clip)
        operator.run(script)
    wait_for(lambda: busy(hosts.totals()), {}, 40)
    found = hosts.totals()
    with open_stores(hosts.running.settings) as stores:
        everyone = [stores.interviews.get(one) for one in operator.ids]
        reports = sum(stores.interviews.report(one) is not None for one in operator.ids)
    truth = Truth(everyone, reports)
    check_interviews(found, truth)
    check_stages(found, truth, script)
    check_providers(found, truth, script)
    check_celery(found, truth, script)
    check_histograms(found)
    check_requests(found, len(everyone))


def test_every_host_reports_what_is_shared_and_only_its_own_worker(
    hosts: Hosts, clip: Path
) -> None:
    """While interviews are in the pipeline, the gauges show them on each host, once."""
    held = hosts.notes / HELD
    held.touch()
    try:
        with hosts.apis() as (first, second):
            ids = [
                submit((first, second)[n % 2], clip, f"hold-transcribe-{n}") for n in range(_HELD)
            ]
            # One runs on each host.
            wait_for(lambda: running_tasks(hosts), [1, 1], 30)
            for found in hosts.scraped():
                check_shared(found)
                assert sum(found.by_labels(metrics.CELERY_WORKER_UP).values()) == 1
            together = hosts.totals()
            check_shared(together)
            assert together.by_labels(metrics.CELERY_WORKERS)["interviews.transcribe",] == 2
            wait_for(lambda: set(hosts.totals().by_labels(metrics.LEADER).values()), {1}, 30)
            held.unlink()
            for one in ids:
                wait_for_end(first, one)
    finally:
        held.unlink(missing_ok=True)
    wait_for(lambda: busy(hosts.totals()), {}, 40)
    for found in hosts.scraped():
        assert found.by_labels(metrics.INTERVIEWS_ACTIVE) == {(): 0}


def running_tasks(hosts: Hosts) -> list[float]:
    return [sum(one.by_labels(metrics.CELERY_TASKS_ACTIVE).values()) for one in hosts.scraped()]


def check_shared(found: Figures) -> None:
    queue = "interviews.transcribe"
    assert found.by_labels(metrics.INTERVIEWS_ACTIVE) == {(): _HELD}
    assert found.by_labels(metrics.INTERVIEWS_IN_STAGE)[Stage.TRANSCRIBE,] == _HELD
    depth = found.by_labels(metrics.QUEUE_DEPTH)
    waiting = sum(count for (name, _), count in depth.items() if name == queue)
    assert waiting + found.by_labels(metrics.QUEUE_RESERVED)[queue,] == _HELD
    assert found.by_labels(metrics.CELERY_QUEUE_LENGTH)[queue,] == _HELD


def check_interviews(found: Figures, truth: Truth) -> None:
    ended = truth.each(lambda one: (_STATUSES[one.status], one.type))
    assert found.counted(metrics.INTERVIEWS) == ended
    assert found.counted(metrics.INTERVIEW_DURATION, "_count") == ended


def check_stages(found: Figures, truth: Truth, script: list[str]) -> None:
    kinds = Counter(tuple(name.split("-")[:2]) for name in script)
    durations = found.counts(metrics.STAGE_DURATION)
    retries = found.by_labels(metrics.STAGE_RETRIES)
    for stage in Stage:
        succeeded = truth.stage(stage, lambda one: one.stages[stage].finished_at is not None)  # noqa: B023
        failed = truth.stage(stage, lambda one: one.failed_stage is stage)  # noqa: B023
        tried_again = truth.attempts(stage) - succeeded - failed
        assert durations[stage, "success"] == succeeded
        assert durations.get((stage, "failed"), 0) == failed == kinds["fail", stage]
        assert durations.get((stage, "retry"), 0) == kinds["retry", stage]
        assert sum(n for (name, _), n in retries.items() if name == stage) == tried_again
        assert retries.get((stage, "lost"), 0) == deaths(kinds, stage)


def deaths(kinds: Counter[tuple[str, ...]], stage: Stage) -> int:
    """The number of attempts that ended with their process."""
    return kinds["kill", stage] + kinds["slay", stage]


def check_providers(found: Figures, truth: Truth, script: list[str]) -> None:
    wrong = {stage: sum(name.split("-")[1] == stage for name in bad(script)) for stage in Stage}
    transcribed = truth.stage(Stage.TRANSCRIBE, lambda one: one.status is not Status.CANCELLED)
    transcribed -= sum(name.startswith("fail-transcribe") for name in script)
    assert found.counted(metrics.TRANSCRIPTIONS) == {
        ("scripted", "success"): transcribed,
        ("scripted", "error"): wrong[Stage.TRANSCRIBE],
    }
    analyses = found.by_labels(metrics.ANALYSES)
    for part in ("sentiment", "competency", "overall"):
        assert analyses[part, "fake", "success"] == truth.reports
        assert found.counts(metrics.ANALYSIS_CONFIDENCE)[part,] == truth.reports
    assert analyses["sentiment", "fake", "error"] == wrong[Stage.ANALYSE]
    # All follow-ups involve the same candidate, who does not have that much time.
    booked = truth.each(lambda one: (_OUTCOMES[one.booking.outcome],) if one.booking else None)
    assert len(booked) == 2
    assert found.counted(metrics.SCHEDULINGS) == {**booked, ("error",): wrong[Stage.SCHEDULE]}


def bad(script: list[str]) -> list[str]:
    return [name for name in script if name.startswith(("retry", "fail"))]


def check_celery(found: Figures, truth: Truth, script: list[str]) -> None:
    kinds = Counter(tuple(name.split("-")[:2]) for name in script)

    def tasks(metric: Metric) -> dict[str, float]:
        sums: defaultdict[str, float] = defaultdict(float)
        for labels, value in found.by_labels(metric).items():
            sums[labels[0]] += value
        return dict(sums)

    for stage in Stage:
        task = f"interviews.{stage}"
        succeeded = truth.stage(stage, lambda one: one.stages[stage].finished_at is not None)  # noqa: B023
        assert tasks(metrics.CELERY_SUCCEEDED)[task] == succeeded
        assert tasks(metrics.CELERY_FAILED).get(task, 0) == kinds["fail", stage]
        assert tasks(metrics.CELERY_REJECTED).get(task, 0) == kinds["kill", stage]
        unheard = stage is Stage.TRANSCRIBE and truth.interviews[-1].stages[stage].attempts == 0
        resumed = found.by_labels(metrics.RESUMED)
        # The message of a killed process is redelivered. Usually it arrives too early and is
        # dropped, but if the queue is deep or the worker restarts, it may be the one that claims
        # the expired lease.
        lapsed = resumed.get((stage, "lease_lapsed"), 0)
        came_back = deaths(kinds, stage) - lapsed
        assert 0 <= came_back <= deaths(kinds, stage)
        assert tasks(metrics.CELERY_SENT)[task] + came_back == truth.attempts(stage) + unheard
        assert resumed.get((stage, "retry"), 0) == kinds["retry", stage]
        assert resumed.get((stage, "message_lost"), 0) == 0
    started, released = tasks(metrics.CELERY_STARTED), tasks(metrics.CELERY_RELEASED)
    assert tasks(metrics.CELERY_RECEIVED) == {
        task: count + released.get(task, 0) for task, count in started.items()
    }
    # The deliveries that a worker had not started when it was stopped or killed.
    reasons = {reason for *_, reason in found.counted(metrics.CELERY_RELEASED)}
    assert reasons <= {"shutdown", "worker_lost"}


def check_histograms(found: Figures) -> None:
    """Every histogram has as many observations as its counter counted."""
    for counter, histogram in (
        (metrics.TRANSCRIPTIONS, metrics.TRANSCRIPTION_DURATION),
        (metrics.ANALYSES, metrics.ANALYSIS_DURATION),
        (metrics.SCHEDULINGS, metrics.SCHEDULING_DURATION),
        (metrics.INTERVIEWS, metrics.INTERVIEW_DURATION),
        (metrics.CELERY_SUCCEEDED, metrics.CELERY_RUNTIME),
        (metrics.CELERY_STARTED, metrics.CELERY_QUEUE_WAIT),
        (metrics.CELERY_STARTED, metrics.QUEUE_WAIT),
    ):
        counted = sum(found.by_labels(counter).values())
        assert isinstance(histogram, Histogram)
        assert sum(found.counts(histogram).values()) == counted > 0


def check_requests(found: Figures, submitted: int) -> None:
    """What a killed sidecar had counted is still counted."""
    requests = found.by_labels(metrics.HTTP_REQUESTS)
    assert requests["/api/v1/interviews", "POST", "202"] == submitted
