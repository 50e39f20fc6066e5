"""The scheduling stage as a task: its effects after a failure."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from celery.exceptions import Ignore

from tasks.clock import now
from tasks.errors import Permanent, Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Stage, Status
from tasks.pipeline import services
from tasks.pipeline.schedule import schedule
from tasks.pipeline.services import Services
from tasks.scheduling.booking import schedule as book
from tests.fakes.world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    unused = cast("Any", None)
    services.provide(
        Services(
            interviews=world.interviews,
            audio=world.audio,
            speech=unused,
            language=unused,
            calendars=world.calendars,
            reservations=world.reservations,
            max_attempts=2,
            backoff=0.0,
            consent_required=True,
        )
    )
    yield world
    services.provide(None)


@pytest.fixture
def interview(world: World) -> Interview:
    return world.done(Stage.ANALYSE, world.done(Stage.TRANSCRIBE, world.queued()))


def die_after_booking(world: World, interview: Interview, times: int = 1) -> None:
    """Simulate attempts that crash after adding the meeting to the calendar."""
    for hours in range(times, 0, -1):
        lapsed = transitions.begin(Stage.SCHEDULE, "dead", now() - timedelta(hours=hours))
        world.interviews.apply(interview.id, lapsed)
        book(interview, world.calendars, world.reservations, now())


def test_the_last_attempt_finds_what_was_booked(world: World, interview: Interview) -> None:
    die_after_booking(world, interview)
    schedule(interview.id)
    assert world.interviews.get(interview.id).status is Status.COMPLETED
    assert len(world.events()) == 1


def test_what_fails_for_good_leaves_no_meeting(world: World, interview: Interview) -> None:
    die_after_booking(world, interview, times=2)
    with pytest.raises(Permanent):
        schedule(interview.id)
    failed = world.interviews.get(interview.id)
    error = failed.stages[Stage.SCHEDULE].error
    assert error is not None
    assert (failed.status, error.code) == (Status.FAILED, "poison")
    assert world.events() == []
    assert world.reservations.holding(interview.id) is None


def test_it_fails_though_the_meeting_cannot_be_taken_back(
    world: World, interview: Interview
) -> None:
    die_after_booking(world, interview, times=2)

    def away(operation: str) -> None:
        if operation == "cancel":
            raise Transient("the calendar is away")

    world.calendar.before = away
    with pytest.raises(Permanent):
        schedule(interview.id)
    assert world.interviews.get(interview.id).status is Status.FAILED
    # From the reservation, a retry or an erasure detects that a meeting may exist.
    assert world.reservations.holding(interview.id) is not None


def test_whoever_has_lost_the_stage_takes_nothing_back(world: World, interview: Interview) -> None:
    def taken_over(operation: str) -> None:
        if operation == "book":
            world.interviews.apply(
                interview.id, transitions.begin(Stage.SCHEDULE, "other", now() + timedelta(hours=1))
            )
            raise RuntimeError

    world.calendar.before = taken_over
    with pytest.raises(Ignore):
        schedule(interview.id)
    assert world.interviews.get(interview.id).status is Status.SCHEDULING
    assert world.reservations.holding(interview.id) is not None
