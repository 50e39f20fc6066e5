"""Delivery of callbacks: signatures, SSRF protection and time limits."""

import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tasks.clock import now
from tasks.errors import InvalidInput
from tasks.interviews.callbacks import Callback, DeliveryFailed, ReceiverGone, callbacks
from tasks.interviews.events import Event, EventType, cloud_event
from tests.timing import allowed, within
from tests.webhooks import SECRET, Receiver, receiving
from worker.adapters import webhooks
from worker.adapters.http import ssrf
from worker.adapters.webhooks import WebhookSender, check_callback_url

OTHER_SECRET = f"whsec_{b64encode(b'another secret of 32 random byte').decode()}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def to(url: str) -> Callback:
    event = Event(
        id="i1:failed:1",
        type=EventType.FAILED,
        interview_id="i1",
        at=now(),
        facts={"type": "screening", "stage": "analyse", "error": "größer als gedacht"},
    )
    (callback,) = callbacks(url, event)
    return callback


def sender(*secrets: str, timeout: float = 5, allow_private: bool = True) -> WebhookSender:
    limit = allowed(timeout)
    return WebhookSender(secrets or (SECRET,), timeout=limit, allow_private=allow_private)


def refused(url: str, **options: Any) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        sender(**options).send(to(url))
    return caught.value


def test_signs_as_the_reference_implementations_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # The vector of the test suites of Standard Webhooks' own libraries.
    monkeypatch.setattr(webhooks, "now", lambda: datetime.fromtimestamp(1614265330, UTC))
    assert sender()._signed("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}') == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_posts_the_event_that_kafka_has(receiver: Receiver) -> None:
    callback = to(receiver.url)
    sender().send(callback)
    assert receiver.events == [cloud_event(callback.event)]
    (headers,) = receiver.headers
    assert headers["content-type"] == "application/cloudevents+json; charset=UTF-8"
    assert headers["user-agent"].startswith("interview-worker/")
    assert headers["host"] == callback.receiver


@pytest.mark.parametrize("known", [SECRET, OTHER_SECRET])
def test_a_receiver_may_know_any_of_the_secrets(receiver: Receiver, known: str) -> None:
    receiver.secret = known
    sender(SECRET, OTHER_SECRET).send(to(receiver.url))
    assert len(receiver.events) == 1
    assert len(receiver.headers[0]["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
def test_anything_but_2xx_is_not_accepted(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: (status, {"Location": receiver.url})
    assert str(status) in refused(receiver.url).message
    # The target of the redirect is not requested.
    assert receiver.attempts == 1


def test_gone_is_the_end(receiver: Receiver) -> None:
    receiver.answer = lambda _: (410, {})
    with pytest.raises(ReceiverGone):
        sender().send(to(receiver.url))


@pytest.mark.parametrize(
    ("status", "value", "least", "most"),
    [
        (429, "120", 120, 120),
        (503, "120", 120, 120),
        (503, "9" * 400, 86_400, 86_400),
        (500, "120", None, None),
        (429, "soon", None, None),
        (429, "Mon, 99 Foo 2026 00:00:00 GMT", None, None),
        (429, "-5", None, None),
    ],
)
def test_knows_how_long_to_wait(
    receiver: Receiver, status: int, value: str, least: int | None, most: int | None
) -> None:
    receiver.answer = lambda _: (status, {"Retry-After": value})
    after = refused(receiver.url).after
    if least is None or most is None:
        assert after is None
    else:
        assert after is not None
        assert least <= after.total_seconds() <= most


def test_knows_until_when_to_wait(receiver: Receiver) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    receiver.answer = lambda _: (503, {"Retry-After": date})
    after = refused(receiver.url).after
    assert after is not None
    assert 3500 <= after.total_seconds() <= 3600


def test_a_closed_port_is_not_accepted() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused(f"http://127.0.0.1:{closed.getsockname()[1]}/")


@contextmanager
def answering_by_the_byte() -> Iterator[str]:
    """A receiver that sends an endless response, byte by byte."""
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            over.set()
            thread.join()


def test_the_timeout_is_one_for_all_of_it() -> None:
    # A time-out for each read would never expire.
    with answering_by_the_byte() as url, within(10):
        assert f"{allowed(0.3):g} s" in refused(url, timeout=0.3).message


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "http://10.0.0.1:8080/a"],
)
def test_nothing_is_posted_inside(url: str) -> None:
    assert "not public" in refused(url, allow_private=False).message
    with pytest.raises(InvalidInput) as caught:
        check_callback_url(url, allow_private=False)
    assert (caught.value.pointer, caught.value.code) == ("/callback_url", "callback_url_forbidden")
    check_callback_url(url, allow_private=True)


def resolving(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry])


def test_a_name_that_comes_to_lead_inside_is_not_posted_to(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    port = receiver.url.rpartition(":")[2]
    resolving(monkeypatch, "93.184.215.14")
    check_callback_url(f"http://rebound.example:{port}", allow_private=False)
    resolving(monkeypatch, "127.0.0.1")
    assert "not public" in refused(f"http://rebound.example:{port}", allow_private=False).message
    assert not receiver.attempts


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    monkeypatch.setattr(ssrf, "resolve_public_address", lambda _: "127.0.0.1")
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    callback = to(f"http://public.example:{port}/hook")
    sender(allow_private=False).send(callback)
    assert receiver.headers[0]["host"] == callback.receiver == f"public.example:{port}"


def test_a_name_server_that_does_not_answer_is_left_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(60))
    try:
        with within(1, before=30):
            error = refused("https://slow.example/", timeout=0.5, allow_private=False)
    finally:
        ended.set()
    assert "no answer within" in error.message


def test_a_host_that_is_not_known_today_may_be_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    check_callback_url("https://new.example/", allow_private=False)
    assert "new.example" in refused("https://new.example/", allow_private=False).message
