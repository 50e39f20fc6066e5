"""Tests of the commands `dead`, `retry` and `audit` on a real sidecar."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.database import Database
from rich.console import Console
from typer.testing import CliRunner, Result

from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Stage, Status
from tests.conftest import Document
from tests.samples import an_interview
from tests.sidecar import serving
from worker.adapters.mongo import MongoAudit, MongoInterviews
from worker.cli.commands import app
from worker.ports import Action, TrailQuery
from worker.settings import Settings


@pytest.fixture
def store(database: Database[Document]) -> MongoInterviews:
    return MongoInterviews(database)


@pytest.fixture
def place(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A sidecar, and the environment of the commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("worker.cli.commands.out", Console(width=160))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    with serving(settings, tmp_path) as url:
        monkeypatch.setenv("API_URL", url)
        yield


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def failed(store: MongoInterviews) -> Interview:
    interview = an_interview()
    store.create(interview)
    store.apply(interview.id, transitions.begin(Stage.TRANSCRIBE, "run", now()))
    error = Permanent("the interview has no recording", code="audio_missing")
    running = store.get(interview.id)
    store.apply(interview.id, transitions.fail(running, Stage.TRANSCRIBE, "run", error, now()))
    return store.get(interview.id)


@pytest.mark.usefixtures("place")
def test_failed_interviews_are_listed_and_retried(store: MongoInterviews) -> None:
    assert "retry" not in run("dead").output
    one, other = failed(store), failed(store)
    shown = run("dead").output
    (line,) = (line for line in shown.splitlines() if one.id in line)
    assert one.finished_at is not None
    since = f"{one.finished_at.astimezone():%Y-%m-%d %H:%M}"
    assert line.rstrip().split(maxsplit=5) == [
        one.id,
        "screening",
        "transcribe",
        "audio_missing",
        "1",
        since,
    ]
    assert other.id in shown
    assert "interview-worker retry ID" in shown
    done = run("retry", one.id, other.id)
    assert done.output.count("is queued again") == 2
    assert {store.get(each.id).status for each in (one, other)} == {Status.QUEUED}
    assert one.id not in run("dead").output


@pytest.mark.usefixtures("place")
def test_audit_trail_is_listed(store: MongoInterviews, database: Database[Document]) -> None:
    one, other = failed(store), failed(store)
    for each in (one, other):
        assert run("erase", each.id, "--yes").exit_code == 0
    shown = run("audit").output
    assert one.id in shown
    assert other.id in shown
    shown = run("audit", one.id).output
    assert "open access" in shown
    assert "erase" in shown
    assert other.id not in shown
    created = run("keys", "create", "--name", "x", "--tenant", "acme", "--scope", "admin")
    key_id = created.output.split("_")[1]
    assert run("keys", "revoke", key_id).exit_code == 0
    entries = MongoAudit(database).find(TrailQuery("acme"))
    assert [(e.who, e.action, e.detail) for e in entries] == [
        ("command line", Action.KEY_REVOKE, key_id),
        ("command line", Action.KEY_CREATE, key_id),
    ]
