"""Tests of callback delivery: once without failures, and independent between receivers."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from monitoring.signals import services
from tasks.clock import now
from tasks.errors import Transient
from tasks.interviews import transitions
from tasks.interviews.callbacks import Callback, DeliveryFailed, ReceiverGone
from tasks.interviews.interview import Interview
from tests.fakes.callbacks import MemoryCallbacks
from tests.fakes.interviews import MemoryInterviews
from tests.fakes.leases import MemoryLease
from tests.monitoring.figures import figures_of
from tests.samples import an_interview
from tests.timing import wait_until
from worker.leadership import Election, Term
from worker.outbox.webhooks import WebhookDispatcher

SOON = (timedelta(0),)


class Sender:
    """Records callbacks, and fails as configured."""

    def __init__(self, answer: Callable[[Callback], None] = lambda _: None) -> None:
        self.sent: list[Callback] = []
        self.answer = answer

    def send(self, callback: Callback) -> None:
        self.sent.append(callback)
        self.answer(callback)

    @property
    def types(self) -> list[str]:
        return [str(one.event.type) for one in self.sent]


class Stores:
    def __init__(self) -> None:
        self.interviews = MemoryInterviews()
        self.callbacks = MemoryCallbacks(self.interviews)

    def created(self, url: str = "https://hooks.example/") -> Interview:
        interview = an_interview(callback_url=url)
        self.interviews.create(interview, transitions.created(interview))
        return interview

    def cancelled(self) -> Interview:
        """Add an interview with two due events."""
        interview = self.created()
        self.interviews.apply(interview.id, transitions.cancel(interview, now()))
        return interview

    @property
    def empty(self) -> bool:
        return not self.interviews.callbacks


@pytest.fixture
def stores() -> Stores:
    return Stores()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with services.connected(recorder):
        yield recorder


def outcomes(recorder: Recorder) -> dict[str, float]:
    found = figures_of(recorder).by_labels(metrics.CALLBACKS)
    return {status: count for (status,), count in found.items() if count}


@contextmanager
def delivering(
    stores: Stores,
    sender: Sender,
    backoff: Sequence[timedelta] = SOON,
) -> Iterator[None]:
    dispatcher = WebhookDispatcher(stores.callbacks, sender, backoff=backoff, interval=0.01)
    election = Election("webhooks", MemoryLease(), poll=0.01)
    stop = threading.Event()
    thread = threading.Thread(target=election.run, args=(dispatcher.run, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_each_is_delivered_once_and_in_order(stores: Stores, recorder: Recorder) -> None:
    for _ in range(50):
        stores.cancelled()
    sender = Sender()
    with delivering(stores, sender):
        wait_until(lambda: stores.empty)
    assert Counter(one.event.id for one in sender.sent).most_common(1)[0][1] == 1
    assert Counter(sender.types) == {"created": 50, "cancelled": 50}
    places = {one.event.id: place for place, one in enumerate(sender.sent)}
    for one in sender.sent:
        interview = one.event.interview_id
        assert places[f"{interview}:created:1"] < places[f"{interview}:cancelled:1"]
    assert outcomes(recorder) == {"delivered": 100}


def test_one_that_fails_does_not_hold_back_the_next(stores: Stores) -> None:
    def answer(callback: Callback) -> None:
        if callback.event.type == "created":
            raise DeliveryFailed("busy")

    stores.cancelled()
    sender = Sender(answer)
    with delivering(stores, sender, [timedelta(hours=1)]):
        wait_until(lambda: len(stores.interviews.callbacks) == 1)
    assert sender.types == ["created", "cancelled"]
    (left,) = stores.interviews.callbacks
    assert left.attempts == 1
    assert left.due > now() + timedelta(minutes=59)


def test_it_is_given_up_after_the_last_attempt(stores: Stores, recorder: Recorder) -> None:
    def answer(_: Callback) -> None:
        raise DeliveryFailed("busy")

    stores.created()
    sender = Sender(answer)
    with delivering(stores, sender, SOON * 3):
        wait_until(lambda: stores.empty)
    assert [one.attempts for one in sender.sent] == [0, 1, 2, 3]
    assert outcomes(recorder) == {"given_up": 1}


def test_waits_as_the_receiver_asks(stores: Stores) -> None:
    def answer(_: Callback) -> None:
        raise DeliveryFailed("busy", timedelta(minutes=10))

    stores.created()
    with delivering(stores, Sender(answer)):
        wait_until(lambda: stores.interviews.callbacks[0].attempts)
    assert stores.interviews.callbacks[0].due > now() + timedelta(minutes=9)


def test_a_receiver_that_wants_no_more_gets_no_more(stores: Stores, recorder: Recorder) -> None:
    def answer(_: Callback) -> None:
        raise ReceiverGone("gone")

    interview = stores.cancelled()
    sender = Sender(answer)
    with delivering(stores, sender):
        wait_until(lambda: stores.empty)
    assert sender.types == ["created"]
    assert stores.interviews.get(interview.id).callback_url is None
    assert outcomes(recorder) == {"unwanted": 1}


def test_a_slow_receiver_does_not_hold_up_others(stores: Stores) -> None:
    go_on = threading.Event()

    def answer(callback: Callback) -> None:
        if callback.receiver == "slow.example":
            go_on.wait()

    # More than one batch.
    for _ in range(100):
        stores.created("https://slow.example/")
    quick = {stores.created(f"https://quick.example/{n}").id for n in range(10)}
    sender = Sender(answer)
    with delivering(stores, sender):
        try:
            wait_until(lambda: quick <= {one.event.interview_id for one in sender.sent})
            # A thread of the slow receiver may start after all threads of the fast one.
            wait_until(lambda: len(sender.sent) >= len(quick) + 4)
            assert len(sender.sent) == len(quick) + 4
        finally:
            go_on.set()
        wait_until(lambda: stores.empty)
    assert len({one.event.id for one in sender.sent}) == len(sender.sent) == 110


def test_it_ends_when_another_process_leads(stores: Stores) -> None:
    """What is in flight is finished; the next callback of the interview is left to the other."""
    term = Term(threading.Event(), until=float("inf"))

    def lose(_: Callback) -> None:
        term.end()

    stores.cancelled()
    sender = Sender(lose)
    WebhookDispatcher(stores.callbacks, sender, backoff=SOON, interval=0.01).run(term)
    assert sender.types == ["created"]
    assert len(stores.interviews.callbacks) == 1


def test_a_store_that_is_away_is_awaited(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    due, failures = stores.callbacks.due, iter(range(2))

    def away(moment: datetime, limit: int, *, exclude: Sequence[str] = ()) -> Sequence[Callback]:
        for _ in failures:
            raise Transient("the store is away")
        return due(moment, limit, exclude=exclude)

    monkeypatch.setattr(stores.callbacks, "due", away)
    stores.created()
    with delivering(stores, Sender()):
        wait_until(lambda: stores.empty)
    assert caplog.text.count("webhooks is postponed: the store is away") == 2


def test_what_cannot_be_noted_is_posted_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, failures = stores.callbacks.remove, iter(range(1))

    def away(callback: Callback) -> None:
        for _ in failures:
            raise Transient("the store is away")
        remove(callback)

    monkeypatch.setattr(stores.callbacks, "remove", away)
    stores.created()
    sender = Sender()
    with delivering(stores, sender):
        wait_until(lambda: stores.empty)
    assert len(sender.sent) == 2
    assert sender.sent[0] == sender.sent[1]
