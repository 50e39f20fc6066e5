"""Metrics of adapters, with real servers and with none."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

from monitoring import metrics
from monitoring.metrics.recording import Recorder
from monitoring.signals import services
from tasks.errors import CalendarUnreadable, InvalidInput, Permanent, Transient
from tasks.interviews.events import Event, EventType
from tasks.interviews.people import Interval, Person
from tasks.ports import Meeting
from tasks.providers.calendar import InstrumentedCalendar
from tests.kafka import poll_interval, write
from tests.monitoring.figures import Figures, figures_of
from tests.samples import SAMPLES
from tests.timing import allowed, patience, wait_until
from worker.adapters.calendars.caldav import CalDavProvider
from worker.adapters.endpoints import CALDAV_CALENDAR, CALDAV_EVENT, CALDAV_HOME
from worker.adapters.http.download import download
from worker.adapters.kafka.connection import ensure_topic
from worker.adapters.kafka.events import KafkaEvents
from worker.adapters.kafka.message import RequestMessage
from worker.adapters.kafka.requests import KafkaRequests

NINE = datetime(2030, 5, 6, 9, tzinfo=UTC)
HOUR = Interval(start=NINE, end=NINE + timedelta(hours=1))
ANNA = Person(name="Anna", email="anna@example.com")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with services.connected(recorder):
        yield recorder


def requests(figures: Figures) -> dict[tuple[str, ...], float]:
    """Requests to external services, by service, endpoint and status."""
    found = figures.by_labels(metrics.EXTERNAL_REQUESTS)
    assert found == figures.counts(metrics.EXTERNAL_DURATION)
    return found


def meeting(interval: Interval = HOUR) -> Meeting:
    return Meeting("one@test", interval, "UTC", "Interview", ANNA, (ANNA,))


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@contextmanager
def closed_port() -> Iterator[str]:
    """The address of a closed port."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}/"


@contextmanager
def calendar_at(url: str, **options: Any) -> Iterator[InstrumentedCalendar]:
    with closing(CalDavProvider(url, **options)) as provider:
        yield InstrumentedCalendar(provider)


def test_every_request_to_a_calendar_is_counted(recorder: Recorder, caldav_url: str) -> None:
    path = f"/{uuid4().hex}@example.com/calendar/"
    with calendar_at(caldav_url, create_missing=True) as calendar:
        calendar.busy(path, HOUR, zone="UTC", exclude="none@test")
        calendar.book([path], meeting())
        calendar.book([path], meeting(HOUR.padded(timedelta(0), timedelta(hours=1))))
        calendar.cancel([path], "one@test")
    figures = figures_of(recorder)
    assert requests(figures) == {
        ("caldav", CALDAV_CALENDAR, "404"): 1,
        ("caldav", CALDAV_EVENT, "409"): 1,
        ("caldav", CALDAV_HOME, "201"): 1,
        ("caldav", CALDAV_CALENDAR, "201"): 1,
        ("caldav", CALDAV_EVENT, "201"): 1,
        ("caldav", CALDAV_EVENT, "412"): 1,
        ("caldav", CALDAV_EVENT, "200"): 2,
        ("caldav", CALDAV_EVENT, "204"): 1,
    }
    # "Not found" and "already exists" are regular answers.
    assert figures.value(metrics.EXTERNAL_ERRORS, "caldav") is None
    assert figures.by_labels(metrics.CALENDAR_CALLS) == {("caldav", "success"): 4}


def test_names_of_calendars_are_no_labels(recorder: Recorder, caldav_url: str) -> None:
    with calendar_at(caldav_url) as calendar:
        for _ in range(20):
            with pytest.raises(CalendarUnreadable):
                calendar.busy(f"/{uuid4().hex}/calendar/", HOUR, zone="UTC", exclude="none@test")
    figures = figures_of(recorder)
    assert requests(figures) == {("caldav", CALDAV_CALENDAR, "404"): 20}
    assert figures.by_labels(metrics.CALENDAR_CALLS) == {("caldav", "error"): 20}


@pytest.mark.parametrize("server", [closed_port, silent_server])
def test_a_calendar_without_an_answer_is_an_error(recorder: Recorder, server: Any) -> None:
    with server() as url, calendar_at(url, timeout=0.2) as calendar:
        with pytest.raises(Transient):
            calendar.busy("/anna/calendar/", HOUR, zone="UTC", exclude="none@test")
        with pytest.raises(Transient):
            calendar.book(["/anna/calendar/"], meeting())
        with pytest.raises(Transient):
            calendar.cancel(["/anna/calendar/"], "one@test")
    figures = figures_of(recorder)
    assert requests(figures) == {
        ("caldav", CALDAV_CALENDAR, "error"): 1,
        ("caldav", CALDAV_EVENT, "error"): 2,
    }
    assert figures.value(metrics.EXTERNAL_ERRORS, "caldav") == 3
    assert figures.by_labels(metrics.CALENDAR_CALLS) == {("caldav", "error"): 3}


class Files(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/broken":
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b"x" * 100)
        else:
            # The client disconnects before the end.
            with suppress(ConnectionError):
                super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def files() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(SAMPLES))) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()
        thread.join()


def fetch(url: str, *, max_bytes: int = 64 << 20, timeout: float = allowed(5)) -> None:
    with download(url, max_bytes=max_bytes, timeout=timeout, allow_private=True):
        pass


def test_recordings_that_are_fetched_are_counted(recorder: Recorder, files: str) -> None:
    fetch(f"{files}technical.flac")
    for path, limit in (("none", 1000), ("broken", 1000), ("technical.flac", 1000)):
        with pytest.raises(InvalidInput):
            fetch(f"{files}{path}", max_bytes=limit)
    figures = figures_of(recorder)
    assert requests(figures) == {
        ("audio_url", "/{recording}", "200"): 2,  # one of them exceeded our size limit
        ("audio_url", "/{recording}", "404"): 1,
        ("audio_url", "/{recording}", "error"): 1,
    }
    assert figures.value(metrics.EXTERNAL_ERRORS, "audio_url") == 1


@pytest.mark.parametrize("server", [closed_port, silent_server])
def test_a_recording_that_does_not_come_is_an_error(recorder: Recorder, server: Any) -> None:
    with server() as url, pytest.raises(InvalidInput):
        fetch(url, timeout=0.2)
    figures = figures_of(recorder)
    assert requests(figures) == {("audio_url", "/{recording}", "error"): 1}
    assert figures.value(metrics.EXTERNAL_ERRORS, "audio_url") == 1


def test_records_sent_to_kafka_are_counted(
    recorder: Recorder, kafka_bootstrap_servers: str, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}events"
    created = [
        Event(id=f"i{n}:created:0", type=EventType.CREATED, interview_id=f"i{n}", at=NINE)
        for n in range(3)
    ]
    with closing(KafkaEvents(kafka_bootstrap_servers, topic)) as events:
        events.publish(created)
        events.publish([])
        events.publish(created[:1])
    with closing(KafkaEvents("127.0.0.1:9", topic)) as nowhere, pytest.raises(Transient):
        nowhere.publish(created[:2])
    assert figures_of(recorder).by_labels(metrics.KAFKA_PRODUCED) == {
        (topic, "success"): 4,
        (topic, "error"): 2,
    }


def test_records_taken_from_kafka_are_counted(
    recorder: Recorder, kafka_bootstrap_servers: str, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}requests"
    ensure_topic(kafka_bootstrap_servers, topic)
    write(kafka_bootstrap_servers, topic, b'"good"', b"not JSON", b'"bad"', b'"later"', b'"good"')
    handled: list[Any] = []

    def handle(message: RequestMessage) -> None:
        handled.append(message.value)
        if message.value == "bad":
            raise Permanent("no such type")
        if message.value == "later" and handled.count("later") == 1:
            raise Transient("the store is away")

    def counted() -> dict[tuple[str, ...], float]:
        return figures_of(recorder).by_labels(metrics.KAFKA_CONSUMED)

    stop = threading.Event()
    consumer = KafkaRequests(
        kafka_bootstrap_servers, topic, f"{topic}.group", max_poll_interval=poll_interval()
    )
    thread = threading.Thread(
        target=consumer.run, args=(handle, stop), kwargs={"reject": lambda *_: None}
    )
    thread.start()
    try:
        wait_until(lambda: counted().get((topic, "success"), 0) >= 3, 20)
    finally:
        stop.set()
        thread.join(patience(20))
    assert counted() == {(topic, "success"): 3, (topic, "rejected"): 2, (topic, "error"): 1}
