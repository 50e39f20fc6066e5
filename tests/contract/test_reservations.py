"""The contract of `Reservations`, in memory and in MongoDB."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from pymongo.database import Database

from tasks.interviews.people import Interval
from tasks.ports import Hold, Reservations
from tests.fakes.reservations import MemoryReservations
from worker.adapters.mongo.reservations import MongoReservations

NINE = datetime(2030, 5, 6, 9, tzinfo=UTC)
DAY = Interval(start=NINE - timedelta(hours=9), end=NINE + timedelta(hours=15))


def hold(minute: int, minutes: int = 45, buffer: int = 10) -> Hold:
    """A hold that starts the given number of minutes after nine."""
    start = NINE + timedelta(minutes=minute)
    interval = Interval(start=start, end=start + timedelta(minutes=minutes))
    return Hold(interval, timedelta(minutes=buffer))


@pytest.fixture(params=["memory", "mongo"])
def reservations(request: pytest.FixtureRequest) -> Iterator[Reservations]:
    if request.param == "memory":
        yield MemoryReservations()
        return
    database: Database[dict[str, Any]] = request.getfixturevalue("database")
    mongo = MongoReservations(database)
    mongo.prepare()
    yield mongo


def take(reservations: Reservations, holder: str, wanted: Hold, *resources: str) -> bool:
    before = reservations.holding(holder)
    return reservations.reserve(holder, resources or ("anna",), wanted, instead_of=before)


def test_remembers_what_is_held(reservations: Reservations) -> None:
    assert reservations.holding("one") is None
    assert take(reservations, "one", hold(0))
    assert reservations.holding("one") == hold(0)
    assert reservations.overlapping(["anna"], DAY, exclude="two") == [hold(0)]


def test_does_not_tell_a_holder_of_its_own(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0))
    assert reservations.overlapping(["anna"], DAY, exclude="one") == []


def test_tells_of_the_resources_asked_for_only(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0), "anna", "ben")
    assert take(reservations, "two", hold(0), "carla")
    assert reservations.overlapping(["ben", "dora"], DAY, exclude="three") == [hold(0)]


def test_does_not_tell_of_other_days(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(3 * 24 * 60))
    assert reservations.overlapping(["anna"], DAY, exclude="two") == []


def test_tells_of_a_hold_whose_buffer_reaches_into_the_window(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0, minutes=30, buffer=60))
    window = Interval(start=NINE + timedelta(minutes=85), end=NINE + timedelta(minutes=120))
    assert reservations.overlapping(["anna"], window, exclude="two") == [
        hold(0, minutes=30, buffer=60)
    ]


@pytest.mark.parametrize("minute", [-50, -15, 0, 20, 50])
def test_refuses_what_is_closer_than_the_buffer(reservations: Reservations, minute: int) -> None:
    assert take(reservations, "one", hold(0))
    assert not take(reservations, "two", hold(minute))
    assert reservations.holding("two") is None


@pytest.mark.parametrize("minute", [-55, 55])
def test_allows_what_is_apart_by_the_buffer(reservations: Reservations, minute: int) -> None:
    assert take(reservations, "one", hold(0))
    assert take(reservations, "two", hold(minute))


@pytest.mark.parametrize(("first", "second"), [(0, 30), (30, 0)])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_longer_buffer_counts(
    reservations: Reservations, first: int, second: int, side: int
) -> None:
    assert take(reservations, "one", hold(0, buffer=first))
    assert not take(reservations, "two", hold(side * (45 + 25), buffer=second))
    assert take(reservations, "two", hold(side * (45 + 30), buffer=second))


def test_upper_and_lower_case_are_the_same(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0), "Anna@Example.com")
    assert not take(reservations, "two", hold(0), "anna@example.COM")
    assert reservations.overlapping(["ANNA@example.com"], DAY, exclude="two") == [hold(0)]


def test_takes_all_resources_or_none(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0), "ben")
    assert not take(reservations, "two", hold(0), "anna", "ben", "carla")
    assert take(reservations, "three", hold(0), "anna", "carla")


def test_exchanges_one_span_for_another(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0))
    assert take(reservations, "one", hold(60))
    assert reservations.holding("one") == hold(60)
    assert take(reservations, "two", hold(0))


def test_exchanges_a_span_for_one_that_overlaps_it(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0))
    assert take(reservations, "one", hold(15))
    assert take(reservations, "one", hold(15))


def test_keeps_the_old_span_where_the_new_one_is_taken(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0))
    assert take(reservations, "two", hold(60))
    assert not take(reservations, "one", hold(60))
    assert reservations.holding("one") == hold(0)


def test_a_run_must_know_what_its_holder_holds(reservations: Reservations) -> None:
    assert reservations.reserve("one", ["anna"], hold(0), instead_of=None)
    assert not reservations.reserve("one", ["anna"], hold(60), instead_of=None)
    assert not reservations.reserve("one", ["anna"], hold(60), instead_of=hold(120))
    assert not reservations.reserve("two", ["anna"], hold(60), instead_of=hold(0))
    assert reservations.holding("one") == hold(0)


def test_release_gives_up_everything(reservations: Reservations) -> None:
    assert take(reservations, "one", hold(0), "anna", "ben")
    reservations.release("one")
    reservations.release("one")
    assert reservations.holding("one") is None
    assert take(reservations, "two", hold(0), "anna", "ben")


def test_of_many_who_compete_one_wins(reservations: Reservations) -> None:
    def compete(holder: str) -> bool:
        # In random order of resources, so that a deadlock would be detected.
        resources = random.Random(holder).sample(["anna", "ben", "carla"], 3)
        return take(reservations, holder, hold(60 * int(holder.split("-")[0])), *resources)

    with ThreadPoolExecutor(8) as threads:
        for round_ in range(20):
            assert sum(threads.map(compete, [f"{round_}-{n}" for n in range(8)])) == 1


def test_of_overlapping_spans_all_that_win_are_apart(reservations: Reservations) -> None:
    wanted = {
        f"{n}": hold(random.Random(n).randrange(0, 300, 5), buffer=(n % 4) * 10) for n in range(40)
    }
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda n: take(reservations, n, wanted[n]), wanted))
    winners = [hold for hold, won_it in zip(wanted.values(), won, strict=True) if won_it]
    assert len(winners) >= 2
    assert not any(one.conflicts(other) for one, other in combinations(winners, 2))
