"""Tests of CalDAV responses: rejections, failures, invalid content and dialects."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from tasks.errors import CalendarUnreadable, Permanent, Transient
from tasks.interviews.people import Interval, Person
from tasks.ports import Meeting
from tests.timing import allowed
from worker.adapters.calendars.caldav import CalDavProvider

NINE = datetime(2030, 5, 6, 9, tzinfo=UTC)
DAY = Interval(start=NINE - timedelta(hours=9), end=NINE + timedelta(hours=15))
HOUR = Interval(start=NINE, end=NINE + timedelta(hours=1))
EVENT = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:x\nDTSTAMP:20260101T000000Z\n"
    "DTSTART:20300506T090000Z\nDTEND:20300506T100000Z\nEND:VEVENT\nEND:VCALENDAR\n"
)


class Answer(NamedTuple):
    status: int
    body: str = ""
    type: str = "text/calendar"
    retry_after: str | None = None


class Server(ThreadingHTTPServer):
    """An HTTP server with one scripted response per kind of request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        """Responses by method, or for REPORT by the name of the report."""
        self.seen: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Do not log."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        report = re.search(r"(free-busy|calendar)-query", body)
        kind = report[1] if report else self.command
        self.server.seen.append(kind)
        answer = self.server.answers.get(kind, Answer(404))
        content = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(content)))
        if answer.retry_after is not None:
            self.send_header("Retry-After", answer.retry_after)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_REPORT = do_MKCOL = do_MKCALENDAR = _answer  # noqa: N815


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def provider(server: Server) -> Iterator[CalDavProvider]:
    provider = CalDavProvider(
        f"http://127.0.0.1:{server.server_port}/dav/", "worker", "secret", timeout=allowed(5)
    )
    yield provider
    provider.close()


def busy(provider: CalDavProvider) -> list[Interval]:
    return list(provider.busy("/anna@example.com/calendar/", DAY, zone="UTC", exclude="one@test"))


def free_busy(*lines: str) -> Answer:
    body = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""])
    return Answer(200, body)


def multistatus(*responses: str) -> Answer:
    body = f'<multistatus xmlns="DAV:">{"".join(responses)}</multistatus>'
    return Answer(207, body, "text/xml; charset=utf-8")


def found(data: str = EVENT, status: int = 200) -> str:
    return (
        "<response><href>/dav/anna%40example.com/calendar/x.ics</href><propstat><prop>"
        f'<C:calendar-data xmlns:C="urn:ietf:params:xml:ns:caldav">{data}</C:calendar-data>'
        f"</prop><status>HTTP/1.1 {status} X</status></propstat></response>"
    )


def test_free_busy_in_the_format_of_the_rfc(server: Server, provider: CalDavProvider) -> None:
    server.answers["free-busy"] = free_busy(
        "BEGIN:VFREEBUSY",
        "DTSTART:20300504T000000Z",
        "DTEND:20300509T000000Z",
        "FREEBUSY:20300506T090000Z/PT1H,20300506T110000Z/20300506T120000Z",
        "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20300506T130000Z/PT1H",
        "FREEBUSY;FBTYPE=FREE:20300506T150000Z/PT1H",
        "FREEBUSY;FBTYPE=X-UNHEARD-OF:20300506T170000Z/PT1H",
        "END:VFREEBUSY",
    )
    assert [span.start.hour for span in busy(provider)] == [9, 11, 13, 17]


def test_free_busy_in_the_format_of_old_radicale(server: Server, provider: CalDavProvider) -> None:
    server.answers["free-busy"] = free_busy(
        *("BEGIN:VFREEBUSY", "DTSTART:20300506T090000Z", "DTEND:20300506T100000Z"),
        *("FBTYPE:BUSY", "END:VFREEBUSY"),
        *("BEGIN:VFREEBUSY", "DTSTART:20300506T110000Z", "DTEND:20300506T120000Z"),
        *("FBTYPE:FREE", "END:VFREEBUSY"),
    )
    assert busy(provider) == [HOUR]


@pytest.mark.parametrize("status", [400, 403, 405, 415, 500, 501])
def test_events_are_read_without_free_busy_support(
    server: Server, provider: CalDavProvider, status: int
) -> None:
    server.answers |= {"free-busy": Answer(status), "calendar": multistatus(found())}
    assert busy(provider) == [HOUR]


def test_server_without_events_is_free(server: Server, provider: CalDavProvider) -> None:
    server.answers |= {"free-busy": Answer(501), "calendar": multistatus()}
    assert busy(provider) == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401),
        Answer(404),
        Answer(200, "<html>log in</html>", "text/html"),
        Answer(200, "BEGIN:VCALENDAR\nBEGIN:VFREEBUSY\nFREEBUSY:x\nEND:VFREEBUSY\nEND:VCALENDAR"),
        Answer(200, ""),
        Answer(200, "<broken", "text/xml"),
    ],
)
def test_malformed_free_busy_is_unreadable(
    server: Server, provider: CalDavProvider, answer: Answer
) -> None:
    server.answers["free-busy"] = answer
    with pytest.raises(CalendarUnreadable) as error:
        busy(provider)
    assert "anna" not in error.value.message


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401),
        Answer(403),
        Answer(404),
        Answer(200, EVENT),
        Answer(207, "<html>hello</html>", "text/html"),
        Answer(207, "", "text/xml"),
        Answer(207, "<broken", "text/xml"),
        multistatus(found(), found(status=404)),
        multistatus(found(), found(status=403)),
        multistatus(
            found(), "<response><href>/dav/x</href><status>HTTP/1.1 507 X</status></response>"
        ),
        multistatus(found(), found(data="")),
        multistatus(found(data="hello")),
        multistatus(found(data=EVENT.replace("20300506T090000Z", "soon"))),
        multistatus(found(data=EVENT.replace("END:VCALENDAR\n", ""))),
        multistatus(found(data=EVENT.replace("END:VEVENT", "RRULE:FREQ=SOMETIMES\nEND:VEVENT"))),
    ],
)
def test_incomplete_events_are_unreadable(
    server: Server, provider: CalDavProvider, answer: Answer
) -> None:
    server.answers |= {"free-busy": Answer(501), "calendar": answer}
    with pytest.raises(CalendarUnreadable) as error:
        busy(provider)
    assert "anna" not in error.value.message


def meeting() -> Meeting:
    anna = Person(name="Anna", email="anna@example.com")
    return Meeting("one@test", HOUR, "UTC", "Interview", anna, (anna,))


def everything(provider: CalDavProvider) -> list[Callable[[], object]]:
    calendar = "/anna@example.com/calendar/"
    return [
        lambda: busy(provider),
        lambda: provider.book([calendar], meeting()),
        lambda: provider.cancel([calendar], "one@test"),
    ]


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504, 507])
def test_server_errors_are_transient(server: Server, provider: CalDavProvider, status: int) -> None:
    server.answers = dict.fromkeys(["free-busy", "PUT", "DELETE"], Answer(status))
    for operation in everything(provider):
        with pytest.raises(Transient):
            operation()


@pytest.mark.parametrize("status", [401, 403, 405])
def test_read_only_calendar_is_permanent(
    server: Server, provider: CalDavProvider, status: int
) -> None:
    server.answers = dict.fromkeys(["PUT", "DELETE"], Answer(status))
    for operation in everything(provider)[1:]:
        with pytest.raises(Permanent) as error:
            operation()
        assert error.value.code == "calendar_refused"
        assert "anna" not in error.value.message


def test_cancelling_continues_after_a_rejection(server: Server, provider: CalDavProvider) -> None:
    server.answers["DELETE"] = Answer(403)
    with pytest.raises(Permanent):
        provider.cancel(["/a/", "/b/", "/c/"], "one@test")
    assert server.seen == ["DELETE"] * 3


def test_slow_server_times_out(server: Server) -> None:
    """The server accepts connections but does not respond."""
    server.shutdown()
    provider = CalDavProvider(f"http://127.0.0.1:{server.server_port}/", timeout=0.1)
    with pytest.raises(Transient):
        busy(provider)
    provider.close()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["{seconds}", "{date}"], ids=["seconds", "date"])
def test_retry_after_of_the_server_is_used(
    server: Server, provider: CalDavProvider, status: int, header: str
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    server.answers["free-busy"] = Answer(status, retry_after=header.format(seconds=120, date=date))
    with pytest.raises(Transient) as raised:
        busy(provider)
    # The remaining time is slightly shorter when the date is read.
    assert raised.value.retry_after == pytest.approx(120, abs=allowed(30))
