"""Tests of retention: expired interviews and orphaned recordings."""

import io
import threading
from datetime import timedelta
from typing import Any

import pytest

from tasks.clock import now
from tasks.errors import Transient
from tasks.interviews.interview import Interview
from tasks.scheduling.search import uid_of
from tests.fakes.keys import MemoryKeys
from tests.fakes.world import World
from tests.timing import patience, wait_until
from worker.lifecycle.retention import Retention
from worker.ports import Action, Actor

DAY = timedelta(days=1)


class Alone:
    """Leadership without competitors."""

    leading = True
    away = 0

    def acquire(self, seconds: float) -> bool:
        del seconds
        if self.away:
            self.away -= 1
            raise Transient("the database is away")
        return self.leading


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def leadership() -> Alone:
    return Alone()


def retention(world: World, leadership: Alone, days: int | None = 30, **given: Any) -> Retention:
    return Retention(world.eraser, MemoryKeys(), leadership, days, **given)


def swept(world: World, leadership: Alone, days: int | None = 30) -> None:
    retention(world, leadership, days).sweep(threading.Event())


def booked(world: World, days: int) -> Interview:
    """An interview that finished this many days ago."""
    return world.booked(at=now() - days * DAY)


def test_erases_what_was_kept_long_enough(world: World, leadership: Alone) -> None:
    old, young, queued = booked(world, 31), booked(world, 29), world.queued()
    swept(world, leadership)
    assert world.is_gone(old)
    assert world.actions(old.id) == [("retention", Action.ERASE)]
    assert set(world.audio.recordings) == {young.id, queued.id}
    assert uid_of(old.id) not in world.events()
    assert uid_of(young.id) in world.events()


def test_keeps_all_unless_it_is_told_a_number_of_days(world: World, leadership: Alone) -> None:
    old = booked(world, 10_000)
    swept(world, leadership, None)
    assert not world.is_gone(old)


def test_one_that_cannot_be_erased_keeps_no_other(
    world: World, leadership: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.retention._BATCH", 2)
    old = [booked(world, 40) for _ in range(5)]
    failures = iter(range(3))

    def away_at_first(_: str) -> None:
        if next(failures, None) is not None:
            raise Transient("the calendar is away")

    world.calendar.before = away_at_first
    swept(world, leadership)
    assert sum(map(world.is_gone, old)) == 2
    swept(world, leadership)
    assert all(map(world.is_gone, old))


def test_only_the_leader_erases(world: World, leadership: Alone) -> None:
    old = booked(world, 40)
    leadership.leading = False
    swept(world, leadership)
    assert not world.is_gone(old)


def test_removes_recordings_that_belong_to_nobody(
    world: World, leadership: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, erased = world.queued(), world.queued()
    # Its upload continues while it is erased.
    world.eraser.erase(erased.id, Actor(who="robin", tenant="default"))
    for name in (erased.id, "nobody"):
        world.audio.save(name, "a.flac", io.BytesIO(b"sound"))
    swept(world, leadership)
    assert set(world.audio.recordings) == {kept.id, erased.id, "nobody"}
    monkeypatch.setattr("worker.lifecycle.retention._ORPHAN_AGE", -DAY)
    monkeypatch.setattr("worker.lifecycle.retention._RECORDINGS", 1)
    swept(world, leadership)
    assert set(world.audio.recordings) == {kept.id}


def test_runs_until_it_is_stopped_through_absences(world: World, leadership: Alone) -> None:
    leadership.away = 3
    stop = threading.Event()
    loop = retention(world, leadership, interval=0.01)
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    try:
        old = booked(world, 40)
        wait_until(lambda: world.is_gone(old), 10)
    finally:
        stop.set()
        thread.join(patience(10))
    assert not thread.is_alive()
