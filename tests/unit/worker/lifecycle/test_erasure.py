"""Tests of erasure: what it removes, what it keeps, and what prevents it."""

from datetime import timedelta

import pytest

from tasks.clock import now
from tasks.errors import Permanent, Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Stage, Status
from tasks.scheduling.booking import schedule
from tasks.scheduling.search import uid_of
from tests.fakes.audit import MemoryAudit
from tests.fakes.world import World
from worker.lifecycle.erasure import Eraser
from worker.ports import Action, Actor, Entry

ROBIN = Actor(who="3f9c00000000", tenant="default")


@pytest.fixture
def world() -> World:
    return World()


def test_takes_all_of_it_and_says_who_did(world: World) -> None:
    interview, other = world.booked(), world.queued()
    world.eraser.erase(interview.id, ROBIN)
    assert world.is_gone(interview)
    assert set(world.audio.recordings) == {other.id}
    assert world.events() == []
    assert world.reservations.holding(interview.id) is None
    assert world.actions(interview.id) == [(ROBIN.who, Action.ERASE)]
    world.eraser.erase(interview.id, ROBIN)
    assert len(world.actions(interview.id)) == 1


def test_calls_off_what_is_under_way(world: World) -> None:
    interview = world.begun(Stage.TRANSCRIBE, world.queued())
    world.eraser.erase(interview.id, ROBIN)
    assert world.is_gone(interview)


def test_takes_the_meeting_that_an_attempt_before_a_retry_has_left(world: World) -> None:
    interview = world.done(Stage.ANALYSE, world.done(Stage.TRANSCRIBE, world.queued()))
    running = world.begun(Stage.SCHEDULE, interview)
    schedule(running, world.calendars, world.reservations, now())
    failed = transitions.fail(running, Stage.SCHEDULE, "run", Permanent("no", code="no"), now())
    world.interviews.apply(interview.id, failed)
    world.interviews.apply(
        interview.id, transitions.retry(world.interviews.get(interview.id), now())
    )
    assert uid_of(interview.id) in world.events()
    world.eraser.erase(interview.id, ROBIN)
    assert world.events() == []


def test_is_taken_up_again_where_a_calendar_was_away(world: World) -> None:
    interview = world.booked()

    def away(_: str) -> None:
        raise Transient("the calendar is away")

    world.calendar.before = away
    with pytest.raises(Transient):
        world.eraser.erase(interview.id, ROBIN)
    assert interview.id in world.audio.recordings
    world.calendar.before = lambda _: None
    world.eraser.erase(interview.id, ROBIN)
    assert world.is_gone(interview)
    assert world.events() == []


def test_a_calendar_that_refuses_keeps_nothing_else(world: World) -> None:
    interview = world.booked()

    def refuse(_: str) -> None:
        raise Permanent("no", code="calendar_refused")

    world.calendar.before = refuse
    world.eraser.erase(interview.id, ROBIN)
    assert world.is_gone(interview)
    assert world.audio.recordings == {}
    assert world.reservations.holding(interview.id) is None


def test_nothing_is_touched_that_cannot_be_recorded(world: World) -> None:
    class Away(MemoryAudit):
        def append(self, _: Entry) -> None:
            raise Transient("away")

    interview = world.queued()
    eraser = Eraser(world.interviews, world.audio, world.calendars, world.reservations, Away())
    with pytest.raises(Transient):
        eraser.erase(interview.id, ROBIN)
    assert world.interviews.get(interview.id).status is Status.QUEUED
    assert interview.id in world.audio.recordings


def test_what_is_not_over_long_enough_does_not_expire(world: World) -> None:
    done, running = world.booked(), world.begun(Stage.TRANSCRIBE, world.queued())
    for interview in (done, running):
        world.eraser.erase_expired(interview.id, now() - timedelta(days=1), ROBIN)
        assert not world.is_gone(interview)
        assert world.actions(interview.id) == []
