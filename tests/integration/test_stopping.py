"""Tests of stopping a worker while tasks are running."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.interviews.interview import Interview, Stage, Status
from tests.clips import noise
from tests.monitoring.figures import busy, scraped
from tests.processes import ROOT
from tests.stack import RunningStack, running_services, wait_for
from tests.timing import allowed, wait_until, within
from worker.local.stack import Stack, is_answering, services
from worker.local.supervisor import Service

GRACE = allowed(3)
"""Long enough for a worker to store its state, and short enough for a test to wait for it."""

LEASE = 120.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stopping")


@pytest.fixture
def go(place: Path) -> Path:
    """The file that unblocks transcriptions; it does not exist yet."""
    file = place / "go"
    file.unlink(missing_ok=True)
    return file


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[RunningStack]:
    def chosen(stack: Stack) -> list[Service]:
        sidecar, transcribe, *_ = services(stack, flower=False)
        worker = replace(
            transcribe,
            name="worker",
            argv=[sys.executable, "-m", "tests.integration.held_up_worker", str(place / "go")],
            env={**stack.environment, "PYTHONPATH": str(ROOT)},
            ready=is_answering(stack, "held-up"),
        )
        return [sidecar, worker]

    with running_services(
        place / "data", chosen, LEASE_SECONDS=str(LEASE), SHUTDOWN_GRACE=str(GRACE)
    ) as stack:
        yield stack


def submit(running: RunningStack, tmp_path: Path) -> Interview:
    particulars = {
        "type": "screening",
        "candidate": {"name": "A", "email": "a@example.com"},
        "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
    }
    interview = running.api.submit(noise(tmp_path / "clip.wav"), particulars)
    return wait_for(running.api, interview.id, Status.TRANSCRIBING)


def stop(running: RunningStack) -> None:
    worker = running.process("worker")
    worker.terminate()
    wait_until(lambda: not worker.is_running, 30)
    assert worker.exit_code() == 0


def test_work_within_the_grace_period_is_completed(
    running: RunningStack, tmp_path: Path, go: Path
) -> None:
    interview = submit(running, tmp_path)
    go.touch()
    stop(running)
    assert running.api.get(interview.id).stages[Stage.TRANSCRIBE].finished_at is not None
    running.process("worker").start()
    assert wait_for(running.api, interview.id).status is Status.COMPLETED


def test_longer_work_is_released_at_once(running: RunningStack, tmp_path: Path, go: Path) -> None:
    interview = submit(running, tmp_path)
    stop(running)
    left = running.api.get(interview.id)
    assert left.status is Status.TRANSCRIBING
    assert left.stages[Stage.TRANSCRIBE].attempts == 0
    go.touch()
    running.process("worker").start()
    # Long before the lease would expire.
    with within(40, before=LEASE):
        done = wait_for(running.api, interview.id, timeout=LEASE)
    assert done.status is Status.COMPLETED
    assert done.stages[Stage.TRANSCRIBE].attempts == 1
    wait_until(lambda: not busy(scraped(running.stack.api_url)))
