"""Tests of retention: expired interviews and orphaned recordings."""

import io
import math
import threading
from datetime import timedelta
from typing import Any

import pytest

from tasks.clock import now
from tasks.errors import Transient
from tasks.interviews.interview import Interview
from tasks.scheduling.search import uid_of
from tests.fakes.keys import MemoryKeys
from tests.fakes.leases import MemoryLease
from tests.fakes.world import World
from tests.timing import patience, wait_until
from worker.leadership import Election, Term
from worker.lifecycle.retention import Retention
from worker.ports import Action, Actor

DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    return World()


def retention(world: World, days: int | None = 30, **given: Any) -> Retention:
    return Retention(world.eraser, MemoryKeys(), days, **given)


def swept(world: World, days: int | None = 30) -> None:
    retention(world, days).sweep(Term(threading.Event(), until=math.inf))


def booked(world: World, days: int) -> Interview:
    """An interview that finished this many days ago."""
    return world.booked(at=now() - days * DAY)


def test_erases_what_was_kept_long_enough(world: World) -> None:
    old, young, queued = booked(world, 31), booked(world, 29), world.queued()
    swept(world)
    assert world.is_gone(old)
    assert world.actions(old.id) == [("retention", Action.ERASE)]
    assert set(world.audio.recordings) == {young.id, queued.id}
    assert uid_of(old.id) not in world.events()
    assert uid_of(young.id) in world.events()


def test_keeps_all_unless_it_is_told_a_number_of_days(world: World) -> None:
    old = booked(world, 10_000)
    swept(world, None)
    assert not world.is_gone(old)


def test_one_that_cannot_be_erased_keeps_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.retention._BATCH", 2)
    old = [booked(world, 40) for _ in range(5)]
    failures = iter(range(3))

    def away_at_first(_: str) -> None:
        if next(failures, None) is not None:
            raise Transient("the calendar is away")

    world.calendar.before = away_at_first
    swept(world)
    assert sum(map(world.is_gone, old)) == 2
    swept(world)
    assert all(map(world.is_gone, old))


def test_it_ends_when_another_process_leads(world: World) -> None:
    old = [booked(world, 40) for _ in range(3)]
    term = Term(threading.Event(), until=math.inf)

    def lose(_: str) -> None:
        term.end()

    world.calendar.before = lose
    retention(world).sweep(term)
    assert sum(map(world.is_gone, old)) == 1


def test_removes_recordings_that_belong_to_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, erased = world.queued(), world.queued()
    # Its upload continues while it is erased.
    world.eraser.erase(erased.id, Actor(who="robin", tenant="default"))
    for name in (erased.id, "nobody"):
        world.audio.save(name, "a.flac", io.BytesIO(b"sound"))
    swept(world)
    assert set(world.audio.recordings) == {kept.id, erased.id, "nobody"}
    monkeypatch.setattr("worker.lifecycle.retention._ORPHAN_AGE", -DAY)
    monkeypatch.setattr("worker.lifecycle.retention._RECORDINGS", 1)
    swept(world)
    assert set(world.audio.recordings) == {kept.id}


def test_runs_until_it_is_stopped_through_absences(world: World) -> None:
    lease = MemoryLease(failures=3)
    stop = threading.Event()
    election = Election("retention", lease, poll=0.01)
    duty = retention(world, interval=0.01).run
    thread = threading.Thread(target=election.run, args=(duty, stop))
    thread.start()
    try:
        old = booked(world, 40)
        wait_until(lambda: world.is_gone(old), 10)
    finally:
        stop.set()
        thread.join(patience(10))
    assert not thread.is_alive()
