"""Tests of the sidecar's threads: they survive errors, and stop together."""

import threading

import pytest

from tests.fakes.leases import MemoryLease
from tests.timing import patience, wait_until, within
from worker.background import Background
from worker.leadership import Term


def test_threads_run_until_the_context_ends() -> None:
    background, lease = Background(), MemoryLease()
    ended = []

    def run(stop: threading.Event) -> None:
        stop.wait()
        ended.append("run")

    def duty(term: Term) -> None:
        while not term.wait(0.01):
            pass
        ended.append("duty")

    background.add("run", run)
    background.add_duty("relay", lease, duty)
    assert background.leads() == {"relay": False}
    with background.running():
        wait_until(lambda: background.leads()["relay"])
    assert sorted(ended) == ["duty", "run"]
    assert lease.shared.owner is None


def test_a_thread_that_fails_runs_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("worker.background._RESTART_SECONDS", 0.01)
    background, begun = Background(), []

    def run(stop: threading.Event) -> None:
        begun.append(True)
        if len(begun) < 3:
            raise ValueError("a bug")
        stop.wait()

    background.add("requests", run)
    with background.running():
        wait_until(lambda: len(begun) == 3)
    assert caplog.text.count("requests failed, and starts again") == 2


def test_a_duty_that_hangs_does_not_keep_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.background._STOP_SECONDS", 0.1)
    background, lease = Background(), MemoryLease()
    working, go_on = threading.Event(), threading.Event()

    def duty(_term: Term) -> None:
        working.set()
        go_on.wait()

    background.add_duty("retention", lease, duty)
    try:
        with within(5, before=3600), background.running():
            assert working.wait(patience(5))
        assert lease.shared.owner is None
    finally:
        go_on.set()
