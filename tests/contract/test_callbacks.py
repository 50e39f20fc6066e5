"""The contract of `CallbackStore`, for the fake and MongoDB."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from tasks.clock import now
from tasks.errors import Erased, Superseded
from tasks.interviews import transitions
from tasks.interviews.callbacks import Callback
from tasks.interviews.events import EventType
from tasks.interviews.interview import Interview, Stage
from tasks.ports import CallbackStore, InterviewStore
from tests.contract.test_interviews import begin, complete, fail, finish
from tests.fakes.callbacks import MemoryCallbacks
from tests.fakes.interviews import MemoryInterviews
from tests.samples import an_interview

URL = "https://hooks.example/interviews"
LATER = timedelta(minutes=5)


@dataclass
class Stores:
    interviews: InterviewStore
    callbacks: CallbackStore

    def created(self, callback_url: str | None = URL, **particulars: Any) -> Interview:
        interview = an_interview(callback_url=callback_url, **particulars)
        self.interviews.create(interview, transitions.created(interview))
        return interview

    def due(self, moment: datetime | None = None, limit: int = 10) -> Sequence[Callback]:
        return self.callbacks.due(moment or now(), limit)

    def drained(self) -> list[EventType]:
        """Remove the due callbacks one after the other, and return them."""
        types = []
        while found := self.due():
            for one in found:
                types.append(one.event.type)
                self.callbacks.remove(one)
        return types


@pytest.fixture(params=["memory", "mongodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        memory = MemoryInterviews()
        return Stores(memory, MemoryCallbacks(memory))
    from worker.adapters.mongo import MongoCallbacks, MongoInterviews

    database = request.getfixturevalue("database")
    stores = Stores(MongoInterviews(database), callbacks := MongoCallbacks(database))
    callbacks.prepare()
    callbacks.prepare()
    return stores


def test_every_event_of_an_interview_is_told_in_its_order(stores: Stores) -> None:
    completed = complete(stores.interviews, stores.created())
    stores.interviews.erase(completed.id, now())
    assert stores.drained() == [
        EventType.CREATED,
        EventType.TRANSCRIBED,
        EventType.ANALYSED,
        EventType.SCHEDULED,
        EventType.COMPLETED,
        EventType.ERASED,
    ]


def test_failing_and_cancelling_are_told(stores: Stores) -> None:
    failing, cancelled = stores.created(), stores.created()
    fail(
        stores.interviews,
        begin(stores.interviews, failing, Stage.TRANSCRIBE),
        Stage.TRANSCRIBE,
    )
    stores.interviews.apply(cancelled.id, transitions.cancel(cancelled, now()))
    assert sorted(stores.drained()) == ["cancelled", "created", "created", "failed"]


def test_it_is_the_event_that_is_published(stores: Stores) -> None:
    interview = stores.created()
    (callback,) = stores.due()
    assert [callback.event] == list(stores.interviews.pending_events(10))
    assert (callback.url, callback.receiver) == (URL, "hooks.example")
    assert callback.attempts == 0
    assert callback.event.interview_id == interview.id


def test_without_a_url_nothing_is_told(stores: Stores) -> None:
    completed = complete(stores.interviews, stores.created(None))
    stores.interviews.erase(completed.id, now())
    assert not stores.due()


def test_a_refused_change_is_not_told(stores: Stores) -> None:
    running = begin(stores.interviews, stores.created(), Stage.TRANSCRIBE)
    with pytest.raises(Superseded):
        finish(stores.interviews, running, Stage.TRANSCRIBE, "other")
    assert stores.drained() == [EventType.CREATED]


def test_what_is_postponed_makes_way(stores: Stores) -> None:
    interview = stores.created()
    (callback,) = stores.due()
    stores.callbacks.postpone(callback, now() + LATER)
    # It was read before another process postponed it.
    stores.callbacks.postpone(callback, now() + 2 * LATER)
    assert not stores.due()
    stores.interviews.apply(interview.id, transitions.cancel(interview, now()))
    assert stores.drained() == [EventType.CANCELLED]
    (again,) = stores.due(now() + LATER)
    assert again.event == callback.event
    assert again.attempts == 1


def test_those_that_wait_longest_come_first(stores: Stores) -> None:
    start = now()
    made = [
        stores.created(f"https://{n}.example/", created_at=start - timedelta(minutes=n)).id
        for n in range(3)
    ]
    assert [one.event.interview_id for one in stores.due(limit=2)] == [made[2], made[1]]
    found = stores.callbacks.due(now(), 10, exclude={"2.example", "0.example"})
    assert [one.event.interview_id for one in found] == [made[1]]


def test_a_receiver_that_wants_no_more_is_told_no_more(stores: Stores) -> None:
    interview, other = stores.created(), stores.created()
    stores.callbacks.stop(interview.id)
    completed = complete(stores.interviews, stores.interviews.get(interview.id))
    assert completed.callback_url is None
    assert {one.event.interview_id for one in stores.due()} == {other.id}


def test_a_tombstone_forgets_the_url_with_the_last_callback(stores: Stores) -> None:
    completed = complete(stores.interviews, stores.created())
    stores.interviews.erase(completed.id, now())
    assert len(stores.drained()) == 6
    stores.interviews.erase(completed.id, now())
    assert not stores.due()
    with pytest.raises(Erased):
        stores.interviews.get(completed.id)
    stores.callbacks.stop(completed.id)
