"""Tests of leader election: who performs a duty, and until when."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks.errors import Transient
from tests.fakes.leases import MemoryLease, Shared
from tests.timing import allowed, patience, wait_until
from worker.leadership import Duty, Election, Term

LEASE = 0.4


class Work:
    """A duty that records its terms, and fails as configured."""

    def __init__(self) -> None:
        self.begun = 0
        self.running = False
        self.failures = 0
        self.error: Exception = Transient("Kafka is unavailable")

    def __call__(self, term: Term) -> None:
        self.begun += 1
        if self.failures:
            self.failures -= 1
            raise self.error
        self.running = True
        while not term.wait(0.01):
            pass
        self.running = False


@contextmanager
def running(election: Election, duty: Duty) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=election.run, args=(duty, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(patience(10))
    assert not thread.is_alive()


def election(lease: MemoryLease, seconds: float = LEASE) -> Election:
    return Election("relay", lease, seconds=seconds, poll=0.01)


def test_one_of_two_works() -> None:
    shared = Shared()
    first, second = Work(), Work()
    elections = [election(MemoryLease(shared), allowed(5)) for _ in range(2)]
    with running(elections[0], first):
        wait_until(lambda: first.running)
        with running(elections[1], second):
            threading.Event().wait(0.2)
            assert not second.begun
            assert [one.is_leader for one in elections] == [True, False]
    assert not any(one.is_leader for one in elections)
    assert shared.owner is None


def test_the_other_takes_over_at_an_orderly_stop() -> None:
    shared = Shared()
    first, second = Work(), Work()
    # The lease would last far longer than the test waits.
    with running(election(MemoryLease(shared), 3600), first) as stop:
        wait_until(lambda: first.running)
        with running(election(MemoryLease(shared), 3600), second):
            stop.set()
            wait_until(lambda: second.running)
            assert not first.running


def test_a_step_that_takes_longer_than_the_lease_does_not_lose_it() -> None:
    shared = Shared()
    go_on, working = threading.Event(), threading.Event()
    second = Work()

    def stuck(_term: Term) -> None:
        working.set()
        go_on.wait()

    leader = election(MemoryLease(shared))
    with running(leader, stuck) as stop:
        assert working.wait(patience(5))
        try:
            with running(election(MemoryLease(shared)), second):
                threading.Event().wait(5 * LEASE)
                assert leader.is_leader
                assert not second.begun
                # At the end of the process a step that hangs does not hold the lease.
                stop.set()
                leader.resign()
                wait_until(lambda: second.running)
        finally:
            go_on.set()


def test_the_term_is_over_when_the_lease_is_lost() -> None:
    lease, work = MemoryLease(), Work()
    with running(election(lease), work):
        wait_until(lambda: work.running)
        lease.shared.owner = "another"
        lease.shared.until = float("inf")
        wait_until(lambda: not work.running)
        threading.Event().wait(0.1)
        assert work.begun == 1


def test_renewals_that_fail_are_repeated() -> None:
    lease, work = MemoryLease(), Work()
    with running(election(lease, allowed(2)), work):
        wait_until(lambda: work.running)
        lease.failures = 2
        wait_until(lambda: not lease.failures)
        threading.Event().wait(allowed(2))
        assert work.running
        assert work.begun == 1


def test_the_term_is_over_when_the_lease_cannot_be_renewed() -> None:
    lease, work = MemoryLease(), Work()
    with running(election(lease), work):
        wait_until(lambda: work.running)
        lease.failures = 10**9
        wait_until(lambda: not work.running)
        lease.failures = 0
        wait_until(lambda: work.begun == 2 and work.running)


@pytest.mark.parametrize("error", [Transient("Kafka is unavailable"), ValueError("a bug")])
def test_a_process_that_fails_gives_way(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    shared = Shared()
    failing, able = Work(), Work()
    failing.failures, failing.error = 10**9, error
    with running(election(MemoryLease(shared), 3600), failing):
        wait_until(lambda: failing.begun)
        with running(election(MemoryLease(shared), 3600), able):
            wait_until(lambda: able.running)
    assert str(error) in caplog.text


def test_a_duty_that_failed_starts_again() -> None:
    work = Work()
    work.failures = 3
    with running(election(MemoryLease()), work):
        wait_until(lambda: work.running)
    assert work.begun == 4


def test_a_frozen_process_notices_that_its_lease_has_lapsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    term = Term(threading.Event(), until=100.0)
    monkeypatch.setattr("time.monotonic", lambda: 99.0)
    assert term.is_leader
    monkeypatch.setattr("time.monotonic", lambda: 101.0)
    assert term.is_over
    term.extend(200.0)
    assert not term.is_leader


def test_at_an_orderly_stop_it_is_still_the_leader() -> None:
    stop = threading.Event()
    term = Term(stop, until=float("inf"))
    stop.set()
    assert term.is_over
    assert term.is_leader
