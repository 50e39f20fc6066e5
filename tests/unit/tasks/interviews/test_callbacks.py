"""Callback URLs and retries."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.clock import now
from tasks.interviews.callbacks import Callback, CallbackUrl, callbacks, next_attempt
from tasks.interviews.events import Event, EventType
from worker.settings import Settings

URL: TypeAdapter[str] = TypeAdapter(CallbackUrl)
BACKOFF = [timedelta(seconds=each) for each in Settings().webhook_backoff]
MOMENT = now()


def tried(times: int) -> Callback:
    event = Event(id="i:created:1", type=EventType.CREATED, interview_id="i", at=MOMENT)
    (callback,) = callbacks("https://hooks.example/", event)
    return callback.model_copy(update={"attempts": times})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://hooks.example/a?b=c", "https://hooks.example/a?b=c"),
        ("http://Hooks.Example:8080", "http://hooks.example:8080/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        # Different notations of one address.
        ("http://0x7f.1/", "http://127.0.0.1/"),
    ],
)
def test_a_url_is_kept_in_its_normal_form(given: str, kept: str) -> None:
    assert URL.validate_python(given) == kept
    assert URL.validate_python(kept) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example/a",
        "ftp://hooks.example/a",
        "file:///etc/passwd",
        "https://",
        "https://hooks.example:99999/",
        "https://user:password@hooks.example/",
        "https://user@hooks.example/",
        f"https://hooks.example/{'a' * 2000}",
        f"https://hooks.example/{'ä' * 1000}",
    ],
)
def test_refuses_other_urls(url: str) -> None:
    with pytest.raises(ValidationError):
        URL.validate_python(url)


def test_without_a_url_there_is_nothing_to_post() -> None:
    assert not callbacks(None, tried(0).event)


def test_tries_again_later_and_later_for_most_of_a_day() -> None:
    total = timedelta()
    for attempts, delay in enumerate(BACKOFF):
        due = next_attempt(tried(attempts), BACKOFF, MOMENT)
        assert due is not None
        assert delay <= due - MOMENT <= 1.2 * delay
        total += due - MOMENT
    assert timedelta(hours=17) < total < timedelta(hours=24)
    assert next_attempt(tried(len(BACKOFF)), BACKOFF, MOMENT) is None


def test_not_all_come_again_at_once() -> None:
    assert len({next_attempt(tried(3), BACKOFF, MOMENT) for _ in range(20)}) > 10


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=1)),
        (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=6)),
        (timedelta(days=-1), timedelta(seconds=5), timedelta(seconds=6)),
        (timedelta(days=9), timedelta(days=1), timedelta(days=1)),
    ],
)
def test_waits_as_long_as_it_is_asked_to(
    asked: timedelta, least: timedelta, most: timedelta
) -> None:
    due = next_attempt(tried(0), BACKOFF, MOMENT, asked)
    assert due is not None
    assert least <= due - MOMENT <= most
