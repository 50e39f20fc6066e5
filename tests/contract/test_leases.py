"""The contract of `Lease`."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from tasks.clock import now
from tests.fakes.leases import MemoryLease, Shared
from tests.timing import allowed, wait_until
from worker.adapters.mongo import MongoLease
from worker.ports import Lease

LONG = 600.0
BRIEF = 0.3

Process = Callable[[], Lease]
"""Makes the lease as another process has it."""


@pytest.fixture(params=["fake", "mongodb"])
def process(request: pytest.FixtureRequest) -> Process:
    if request.param == "fake":
        shared = Shared()
        return lambda: MemoryLease(shared)
    database: Database[dict[str, Any]] = request.getfixturevalue("database")
    return lambda: MongoLease(database, "relay")


def test_one_process_owns_it(process: Process) -> None:
    first, second = process(), process()
    assert first.acquire(LONG)
    assert not second.acquire(LONG)
    assert first.acquire(LONG)
    assert first.renew()
    assert not second.renew()


def test_one_of_many_that_ask_at_once_gets_it(process: Process) -> None:
    leases = [process() for _ in range(8)]
    start, got = threading.Barrier(len(leases)), []

    def ask(lease: Lease) -> None:
        start.wait()
        got.append(lease.acquire(LONG))

    threads = [threading.Thread(target=ask, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]


def test_a_lease_that_is_given_up_is_free_at_once(process: Process) -> None:
    first, second = process(), process()
    assert first.acquire(LONG)
    second.release()
    assert not second.acquire(LONG)
    first.release()
    assert second.acquire(LONG)
    assert not first.renew()
    first.release()
    assert second.renew()


def test_a_lease_that_is_not_renewed_is_taken_over(process: Process) -> None:
    first, second = process(), process()
    assert first.acquire(BRIEF)
    wait_until(lambda: second.acquire(BRIEF))
    assert second.acquire(LONG)
    assert not first.renew()
    assert not first.acquire(LONG)


def test_a_lease_that_is_renewed_is_kept(process: Process) -> None:
    first, second = process(), process()
    seconds = allowed(1)
    assert first.acquire(seconds)
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(seconds / 20):
            first.renew()

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        watched = now() + timedelta(seconds=2 * seconds)
        while now() < watched:
            assert not second.acquire(seconds)
    finally:
        ended.set()
        renewing.join()


def test_it_lasts_as_long_as_its_owner_said(database: Database[dict[str, Any]]) -> None:
    first, second = MongoLease(database, "relay"), MongoLease(database, "relay")
    assert first.acquire(LONG)
    assert not second.acquire(0)
    assert not second.acquire(0)


@pytest.mark.parametrize("offset", [-timedelta(days=400), timedelta(days=400)])
def test_clocks_of_hosts_may_differ(
    database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, offset: timedelta
) -> None:
    moment = now() + offset
    first, second = MongoLease(database, "relay"), MongoLease(database, "relay")
    assert first.acquire(BRIEF)
    monkeypatch.setattr("tasks.clock.now", lambda: moment)
    monkeypatch.setattr("time.time", moment.timestamp)
    assert not second.acquire(BRIEF)
    assert first.renew()
    wait_until(lambda: second.acquire(BRIEF))


def test_leases_of_other_names_are_others(database: Database[dict[str, Any]]) -> None:
    assert MongoLease(database, "relay").acquire(LONG)
    assert MongoLease(database, "retention").acquire(LONG)


def test_a_process_whose_answer_was_lost_owns_it(database: Database[dict[str, Any]]) -> None:
    """The update was applied, and the connection broke."""
    first = MongoLease(database, "relay")
    assert first.acquire(LONG)
    database["leases"].update_one({"_id": "relay"}, {"$inc": {"renewals": 3}})
    assert first.acquire(LONG)


def test_a_lease_of_an_earlier_version_is_respected(database: Database[dict[str, Any]]) -> None:
    """It held the time of the owner's clock, and was renewed in the same field."""
    leases = database["leases"]
    leases.insert_one({"_id": "reconciler", "owner": "old", "until": now()})
    lease = MongoLease(database, "reconciler")
    assert not lease.acquire(BRIEF)
    for _ in range(3):
        leases.update_one({"_id": "reconciler"}, {"$set": {"until": now() + timedelta(hours=1)}})
        assert not lease.acquire(LONG)
    wait_until(lambda: lease.acquire(BRIEF))
