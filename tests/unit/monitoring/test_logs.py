"""Log lines: format, redaction, and writing."""

import contextvars
import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from monitoring.logs import Level
from monitoring.logs.formats import ConsoleLines, JsonLines
from monitoring.logs.pipe import Pipe
from monitoring.redaction import redact
from tasks.context import attributes, bind, bound_context
from tasks.errors import Transient
from tests.processes import wait_until


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.logs")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.handlers.clear()


class Kept(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept(logger: logging.Logger) -> Kept:
    handler = Kept(JsonLines("worker"))
    logger.addHandler(handler)
    return handler


def last(kept: Kept) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept.lines[-1])
    return found


def test_lines_have_the_context_of_the_work(logger: logging.Logger, kept: Kept) -> None:
    with bound_context(operation="transcribe", interview_id="i-1", task_id="t-1"):
        bind(attempt=2)
        logger.warning("%s ended", "transcribe", extra={"duration": 12, "status": "retry"})
    line = last(kept)
    timestamp = line.pop("timestamp")
    assert timestamp.endswith("Z")
    assert len(timestamp) == len("2026-01-01T00:00:00.000Z")
    assert line == {
        "level": "WARN",
        "service": "interview-worker",
        "component": "worker",
        "logger": "tests.logs",
        "operation": "transcribe",
        "interviewId": "i-1",
        "taskId": "t-1",
        "attempt": 2,
        "duration": 12,
        "status": "retry",
        "message": "transcribe ended",
    }
    assert attributes() == {}


def test_a_thread_that_works_for_a_context_adds_to_it() -> None:
    with bound_context(request_id="r"):
        copied = contextvars.copy_context()
        thread = threading.Thread(target=copied.run, args=(lambda: bind(user_id="u"),))
        thread.start()
        thread.join()
        assert attributes() == {"request_id": "r", "user_id": "u"}


def test_an_unknown_extra_is_not_written(logger: logging.Logger, kept: Kept) -> None:
    logger.info("x", extra={"candidate": "Maya"})
    assert "Maya" not in kept.lines[-1]


def fail() -> None:
    raise ValueError("Maya said that she")


def test_foreign_exceptions_are_logged_without_message(logger: logging.Logger, kept: Kept) -> None:
    try:
        try:
            fail()
        except ValueError as error:
            raise Transient("the provider is away") from error
    except Transient as error:
        # As a library would.
        logger.exception("unexpected: %s, %s", error, error.__cause__)  # noqa: TRY401
    line = last(kept)
    assert line["message"] == "unexpected: the provider is away, ValueError"
    assert line["error.type"] == "Transient"
    assert line["error.message"] == "the provider is away"
    assert "ValueError\nafter\n" in line["error.stack"]
    assert "test_logs.py" in line["error.stack"]
    assert "Maya" not in kept.lines[-1]


def test_failed_tasks_are_logged_by_exception_type(kept: Kept) -> None:
    logger = logging.getLogger("celery.app.trace")
    logger.addHandler(kept)
    try:
        fail()
    except ValueError as error:
        logger.exception(
            "Task %(name)s raised unexpected: %(exc)s\n%(traceback)s",
            {"name": "interviews.analyse", "exc": repr(error), "traceback": str(error)},  # noqa: TRY401
        )
    finally:
        logger.removeHandler(kept)
    assert last(kept)["message"].strip() == "Task interviews.analyse raised unexpected: ValueError"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("to maya.r+x@example.co.uk now", "to *** now"),
        ("mongodb://user:secret@host:27017/db", "mongodb://***@host:27017/db"),
        ("GET https://host/a/b.wav?X-Signature=abc&y=1 ok", "GET https://host/a/b.wav?*** ok"),
        ("Authorization: Bearer abcdef.ghi-jkl", "Authorization: Bearer ***"),
        ("key iw_0123456789ab_AAAA-bb", "key ***"),
        ("sk-proj-abcdef", "***"),
        ("call +49 30 1234567 today", "call *** today"),
        ("call 030/1234567 today", "call *** today"),
        ("call (555) 123-4567", "call ***"),
        ("analyse@vm ready", "analyse@vm ready"),
        ("12345678-1234-4123-8123-123456789012", "12345678-1234-4123-8123-123456789012"),
        ("01234567-1234-4123-8123-023456789012", "01234567-1234-4123-8123-023456789012"),
        ("2026-11-23 15:26:58, 0.123456789 s", "2026-11-23 15:26:58, 0.123456789 s"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
    ],
)
def test_recognisable_personal_data_is_masked(text: str, left: str) -> None:
    assert redact(text) == left


def test_terminal_gets_readable_lines(logger: logging.Logger) -> None:
    handler = Kept(ConsoleLines("worker", colours=False))
    logger.addHandler(handler)
    with bound_context(interview_id="i-1"):
        logger.warning("it is late")
    assert handler.lines[0][12:] == " WARN  worker  it is late  interviewId=i-1"


def read_all(descriptor: int) -> bytes:
    found = b""
    while piece := os.read(descriptor, 65536):
        found += piece
    return found


def test_slow_reader_does_not_block(logger: logging.Logger) -> None:
    dropped: list[int] = []
    reading, writing = os.pipe()
    pipe = Pipe(writing, lambda: dropped.append(1), capacity=100)
    pipe.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(pipe)
    for number in range(20_000):
        logger.info("%05d", number)
    assert dropped
    written = 20_000 - len(dropped)
    found = os.read(reading, 1 << 20)
    while found.count(b"\n") < written:
        found += os.read(reading, 1 << 20)
    pipe.flush()
    os.close(writing)
    assert read_all(reading) == b""
    numbers = [int(line) for line in found.split()]
    assert len(numbers) == written
    assert numbers == sorted(numbers)
    os.close(reading)


def test_a_child_writes_its_own_lines_and_no_others(logger: logging.Logger) -> None:
    reading, writing = os.pipe()
    pipe = Pipe(writing, lambda: None)
    pipe.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(pipe)
    logger.info("parent")
    pid = os.fork()
    if pid == 0:
        logger.info("child")
        pipe.flush()
        os._exit(0)
    os.waitpid(pid, 0)
    pipe.flush()
    os.close(writing)
    assert sorted(read_all(reading).split()) == [b"child", b"parent"]
    os.close(reading)


def test_lines_that_cannot_be_formatted_are_dropped(logger: logging.Logger) -> None:
    dropped: list[int] = []
    reading, writing = os.pipe()
    pipe = Pipe(writing, lambda: dropped.append(1))
    pipe.handle(logger.makeRecord("x", logging.INFO, "x", 1, "%d", ("x",), None))
    assert dropped == [1]
    os.close(reading)
    os.close(writing)


def test_level_change_reaches_children() -> None:
    root = logging.getLogger()
    before = root.level
    try:
        level = Level("INFO")
        pid = os.fork()
        if pid == 0:
            try:
                wait_until(lambda: refreshed(level) == logging.DEBUG, 20)
            except BaseException:
                os._exit(1)
            os._exit(0)
        level.set("DEBUG")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        root.setLevel(before)


def refreshed(level: Level) -> int:
    level.refresh()
    return logging.getLogger().level
