"""Metrics agree with the stored documents."""

import os
import random
import wave
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from monitoring import metrics
from monitoring.metrics.definitions import Histogram, Metric
from tasks.interviews.interview import BookingOutcome, Interview, Stage, Status
from tests.monitoring.figures import Figures, busy, scraped
from tests.monitoring.scripted_stack import scripted_stack
from tests.processes import wait_for
from tests.stack import RunningStack
from tests.stack import wait_for as wait_for_end
from worker.bootstrap import open_stores
from worker.local.processes.child import Child, stop_all

_COUNT = 300 if os.environ.get("CHAOS") == "long" else 100
_STATUSES = {Status.COMPLETED: "success", Status.FAILED: "failed", Status.CANCELLED: "cancelled"}
_OUTCOMES = {BookingOutcome.BOOKED: "success", BookingOutcome.UNSCHEDULED: "unscheduled"}


def names() -> list[str]:
    """The scripted outcome of each interview: a seeded mix, including two kills."""
    chance = random.Random(3)
    stages = list(Stage)
    whats = chance.choices(("go", "retry", "fail"), weights=(7, 2, 1), k=_COUNT - 2)
    mixed = [f"{what}-{chance.choice(stages)}-{n}" for n, what in enumerate(whats)]
    for number, stage in ((_COUNT - 2, Stage.TRANSCRIBE), (_COUNT - 1, Stage.SCHEDULE)):
        mixed.insert(chance.randrange(_COUNT // 2), f"kill-{stage}-{number}")
    return mixed


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    noise = np.random.default_rng(3).normal(0, 1000, 16000).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(noise.tobytes())
    return path


def submit(running: RunningStack, clip: Path, name: str) -> str:
    recording = clip.with_name(name)
    recording.hardlink_to(clip)
    person = {"name": "A Person", "email": f"{name}@company.example"}
    particulars = {
        "type": ("screening", "technical", "behavioural")[len(name) % 3],
        "candidate": {"name": "A", "email": "a@example.com"},
        "interviewers": [person],
        "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
    }
    return str(running.api.submit(recording, particulars).id)


def restart(worker: Child) -> None:
    """Restart a worker as a deployment does: it finishes running tasks first."""
    stop_all([worker], 60)
    worker.start()


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


@pytest.mark.timeout(400)
def test_every_figure_is_the_truth(tmp_path: Path, clip: Path) -> None:
    script = names()
    with scripted_stack(tmp_path) as running:
        ids = []
        for number, name in enumerate(script):
            ids.append(submit(running, clip, name))
            if number == _COUNT // 2:
                restart(running.process("worker-all"))
        cancelled = submit(running, clip, "go-transcribe-cancelled")
        running.api.act(cancelled, "cancel")
        for one in ids:
            wait_for_end(running.api, one, timeout=240)
        wait_for(lambda: busy(scraped(running.stack.api_url)), {}, 40)
        found = scraped(running.stack.api_url)
        with open_stores(running.settings) as stores:
            everyone = [stores.interviews.get(one) for one in (*ids, cancelled)]
            reports = sum(stores.interviews.report(one) is not None for one in ids)
    truth = Truth(everyone, reports)
    check_interviews(found, truth)
    check_stages(found, truth, script)
    check_providers(found, truth, script)
    check_celery(found, truth, script)
    check_histograms(found)


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
        assert retries.get((stage, "lost"), 0) == kinds["kill", stage]


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
        # The message of a killed child is redelivered. Usually it arrives too early and is dropped,
        # but if the queue is deep or the worker restarts, it may be the one that claims the expired
        # lease.
        lapsed = resumed.get((stage, "lease_lapsed"), 0)
        came_back = kinds["kill", stage] - lapsed
        assert 0 <= came_back <= kinds["kill", stage]
        assert tasks(metrics.CELERY_SENT)[task] + came_back == truth.attempts(stage) + unheard
        assert resumed.get((stage, "retry"), 0) == kinds["retry", stage]
        assert resumed.get((stage, "message_lost"), 0) == 0
    started, released = tasks(metrics.CELERY_STARTED), tasks(metrics.CELERY_RELEASED)
    assert tasks(metrics.CELERY_RECEIVED) == {
        task: count + released.get(task, 0) for task, count in started.items()
    }
    # The deliveries released at the restart; killed processes had started theirs.
    assert {reason for *_, reason in found.counted(metrics.CELERY_RELEASED)} <= {"shutdown"}


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
