"""The contract of `IdempotencyStore`, and of idempotent requests, in memory and in MongoDB."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from pymongo.database import Database

from tasks.clock import now
from tasks.errors import Erased, InvalidInput, Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Interview
from tests.conftest import Document
from tests.fakes.idempotency import MemoryIdempotency
from tests.fakes.interviews import MemoryInterviews
from tests.samples import an_interview
from tests.timing import patience
from worker.adapters.mongo import MongoIdempotency
from worker.intake.idempotency import KEY_LIFETIME, Accepted, IdempotencyGuard
from worker.ports import IdempotencyEntry, IdempotencyStore

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "mongodb"])
def entries(request: pytest.FixtureRequest) -> IdempotencyStore:
    if request.param == "memory":
        return MemoryIdempotency()
    store = MongoIdempotency(request.getfixturevalue("database"))
    store.prepare()
    return store


def entry(entry_id: str = "a") -> IdempotencyEntry:
    moment = now()
    return IdempotencyEntry(entry_id, "print", "interview", moment + MINUTE, moment + KEY_LIFETIME)


def test_keeps_one_entry_of_an_id(entries: IdempotencyStore) -> None:
    first = entry()
    assert entries.get("a") is None
    assert entries.put(first, instead_of=None)
    assert entries.get("a") == first
    assert not entries.put(entry(), instead_of=None)
    assert entries.put(entry("b"), instead_of=None)
    assert entries.get("a") == first


def test_replaces_the_version_that_was_read(entries: IdempotencyStore) -> None:
    first = entry()
    entries.put(first, instead_of=None)
    second = replace(entry(), until=None)
    assert entries.put(second, instead_of=first)
    assert entries.get("a") == second
    assert not entries.put(entry(), instead_of=first)
    assert not entries.put(entry("b"), instead_of=entry("b"))
    assert entries.get("a") == second
    assert entries.get("b") is None


def test_removes_the_version_that_was_read(entries: IdempotencyStore) -> None:
    first, second = entry(), entry()
    entries.put(first, instead_of=None)
    entries.put(second, instead_of=first)
    entries.remove(first)
    assert entries.get("a") == second
    entries.remove(second)
    entries.remove(second)
    assert entries.get("a") is None


def test_of_many_one_is_first(entries: IdempotencyStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        puts = list(threads.map(lambda _: entries.put(entry(), instead_of=None), range(16)))
    assert puts.count(True) == 1
    found = entries.get("a")
    with ThreadPoolExecutor(8) as threads:
        puts = list(threads.map(lambda _: entries.put(entry(), instead_of=found), range(16)))
    assert puts.count(True) == 1


def test_mongodb_forgets_by_itself(database: Database[Document]) -> None:
    store = MongoIdempotency(database)
    store.prepare()
    (index,) = [i for i in database["idempotency"].list_indexes() if "expireAfterSeconds" in i]
    assert (dict(index["key"]), index["expireAfterSeconds"]) == ({"expires_at": 1}, 0)


class Door:
    """Creates interviews, and records their ids."""

    def __init__(self) -> None:
        self.interviews = MemoryInterviews()
        self.taken: list[str] = []
        self.then: Callable[[], None] = lambda: None

    def __call__(self, interview_id: str | None) -> Interview:
        interview = an_interview(**({"id": interview_id} if interview_id else {}))
        self.interviews.create(interview, transitions.created(interview))
        self.taken.append(interview.id)
        self.then()
        return interview


class KilledError(BaseException):
    """Simulates a killed process: no code of the service handles it."""


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def once(entries: IdempotencyStore, door: Door) -> IdempotencyGuard:
    return IdempotencyGuard(entries, door.interviews, "acme", "key-1")


def killed(
    once: IdempotencyGuard, door: Door, monkeypatch: pytest.MonkeyPatch, within: timedelta
) -> None:
    """Simulate a request that is killed after it stored the interview, and before it responds."""

    def die() -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(IdempotencyGuard, "_release", lambda *_, **__: None)
        door.then = die
        with pytest.raises(KilledError):
            once.accept("print", door, within=within)
    door.then = lambda: None


def test_a_request_is_carried_out_once(once: IdempotencyGuard, door: Door) -> None:
    first = once.accept("print", door, within=MINUTE)
    again = once.accept("print", door, within=MINUTE)
    assert door.taken == [first.interview.id] == [again.interview.id]
    assert (first.replayed, again.replayed) == (False, True)


def test_without_a_key_every_request_is_another(once: IdempotencyGuard, door: Door) -> None:
    keyless = replace(once, key=None)
    assert not any(keyless.accept("print", door, within=MINUTE).replayed for _ in range(3))
    assert len(set(door.taken)) == 3


def test_keys_and_tenants_are_apart(once: IdempotencyGuard, door: Door) -> None:
    for each in (once, replace(once, key="key-2"), replace(once, tenant="others")):
        assert not each.accept("print", door, within=MINUTE).replayed
    assert len(set(door.taken)) == 3


def test_a_key_stands_for_one_request(once: IdempotencyGuard, door: Door) -> None:
    once.accept("print", door, within=MINUTE)
    with pytest.raises(InvalidInput) as caught:
        once.accept("other print", door, within=MINUTE)
    assert caught.value.code == "idempotency_key_reused"
    assert len(door.taken) == 1


def test_what_was_refused_leaves_the_key_free(once: IdempotencyGuard, door: Door) -> None:
    def refuses(_: str | None) -> Interview:
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        once.accept("print", refuses, within=MINUTE)
    assert not once.accept("other print", door, within=MINUTE).replayed


@pytest.mark.parametrize("error", [Transient("away"), RuntimeError("bug")])
def test_what_failed_can_be_sent_again_and_is_one_interview(
    once: IdempotencyGuard, door: Door, error: Exception
) -> None:
    def fail() -> None:
        raise error

    # The interview is stored, but the store becomes unavailable before it responds.
    door.then = fail
    with pytest.raises(type(error)):
        once.accept("print", door, within=MINUTE)
    door.then = lambda: None
    with pytest.raises(InvalidInput):
        once.accept("other print", door, within=MINUTE)
    again = once.accept("print", door, within=MINUTE)
    assert (door.taken, again.replayed) == ([again.interview.id], True)


def test_meanwhile_the_same_request_waits(once: IdempotencyGuard, door: Door) -> None:
    def ask_again() -> None:
        with pytest.raises(Transient) as caught:
            once.accept("print", door, within=MINUTE)
        assert caught.value.code == "idempotency_in_flight"
        with pytest.raises(InvalidInput):
            once.accept("other print", door, within=MINUTE)

    door.then = ask_again
    once.accept("print", door, within=MINUTE)
    assert len(door.taken) == 1


def test_of_many_at_once_one_is_carried_out(once: IdempotencyGuard, door: Door) -> None:
    together = threading.Barrier(8)

    def send(_: int) -> Accepted | None:
        together.wait(patience(10))
        try:
            return once.accept("print", door, within=MINUTE)
        except Transient:
            return None

    with ThreadPoolExecutor(8) as threads:
        answers = [answer for answer in threads.map(send, range(8)) if answer]
    assert len(door.taken) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert {answer.interview.id for answer in answers} == set(door.taken)


def test_what_a_killed_run_stored_is_found(
    once: IdempotencyGuard, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(once, door, monkeypatch, within=MINUTE)
    with pytest.raises(Transient):
        once.accept("print", door, within=MINUTE)
    monkeypatch.setattr("worker.intake.idempotency.now", lambda: now() + MINUTE)
    again = once.accept("print", door, within=MINUTE)
    assert (again.interview.id, again.replayed) == (door.taken[0], True)
    assert len(door.taken) == 1
    # From now on the request is done, and does not time out.
    assert once.accept("print", door, within=MINUTE).replayed


def test_what_fails_after_a_killed_run_may_be_tried_again(
    once: IdempotencyGuard, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: str | None) -> Interview:
        raise Transient("away")

    killed(once, door, monkeypatch, within=timedelta(0))
    with pytest.raises(Transient, match="away"):
        once.accept("print", fails, within=MINUTE)
    again = once.accept("print", door, within=MINUTE)
    assert (again.interview.id, again.replayed) == (door.taken[0], True)


def test_a_run_that_is_late_does_not_disturb_the_one_after_it(
    once: IdempotencyGuard, door: Door
) -> None:
    def overtaken() -> None:
        door.then = lambda: None
        assert once.accept("print", door, within=MINUTE).replayed
        raise Transient("the store was away")

    door.then = overtaken
    with pytest.raises(Transient, match="was away"):
        once.accept("print", door, within=timedelta(0))
    assert once.accept("print", door, within=MINUTE).replayed


def test_a_key_is_free_when_it_was_kept_long_enough(
    once: IdempotencyGuard, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    once.accept("print", door, within=MINUTE)
    monkeypatch.setattr("worker.intake.idempotency.now", lambda: now() + KEY_LIFETIME)
    assert not once.accept("other print", door, within=MINUTE).replayed
    assert len(set(door.taken)) == 2


def test_what_was_erased_is_not_shown_and_not_made_again(
    once: IdempotencyGuard, door: Door
) -> None:
    interview = once.accept("print", door, within=MINUTE).interview
    door.interviews.apply(interview.id, transitions.cancel(interview, now()))
    door.interviews.erase(interview.id, now())
    with pytest.raises(Erased):
        once.accept("print", door, within=MINUTE)
    assert len(door.taken) == 1


def test_an_answer_that_cannot_be_noted_is_given(
    once: IdempotencyGuard, door: Door, entries: IdempotencyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> bool:
        raise Transient("the store is away")

    door.then = lambda: monkeypatch.setattr(entries, "put", away)
    assert not once.accept("print", door, within=timedelta(0)).replayed
    monkeypatch.undo()
    door.then = lambda: None
    assert once.accept("print", door, within=MINUTE).replayed
    assert len(door.taken) == 1
