"""Tests of the `keys` commands, and of the command line with a key."""

import logging
from pathlib import Path

import pytest
from pymongo.database import Database
from typer.testing import CliRunner, Result

from tasks.errors import Permanent
from tests.conftest import Document
from tests.sidecar import serving
from worker.adapters.mongo import MongoKeys
from worker.cli.commands import app
from worker.security.api_keys import KeyRing
from worker.settings import Settings


@pytest.fixture
def place(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of the commands."""
    monkeypatch.chdir(tmp_path)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def create(*arguments: str) -> str:
    result = run("keys", "create", "--name", "reporting", *arguments)
    assert result.exit_code == 0, result.output
    return result.output.strip()


@pytest.mark.usefixtures("place")
def test_keys_are_created_listed_and_revoked(
    database: Database[Document], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scopes = ("--scope", "interviews:read", "--scope", "interviews:write")
    token = create("--tenant", "acme", "--days", "30", *scopes)
    caller = KeyRing(MongoKeys(database)).caller(token)
    assert caller is not None
    assert caller.tenant == "acme"
    assert caller.scopes == {"interviews:read", "interviews:write"}
    listed = run("keys", "list").output
    assert caller.key
    assert caller.key in listed
    secret = token.split("_", 2)[2]
    assert secret not in listed + str(list(database["keys"].find())) + caplog.text
    assert run("keys", "revoke", caller.key).exit_code == 0
    assert KeyRing(MongoKeys(database)).caller(token) is None
    assert "revoked" in run("keys", "list").output


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--name", "x", "--scope", "everything"),
        ("create", "--name", "x"),
        ("create", "--name", "", "--scope", "admin"),
        ("create", "--name", "x", "--scope", "admin", "--tenant", "A b"),
        ("revoke", "000000000000"),
    ],
)
def test_invalid_arguments_are_rejected(
    arguments: tuple[str, ...], database: Database[Document]
) -> None:
    assert run("keys", *arguments).exit_code != 0
    assert database["keys"].count_documents({}) == 0


@pytest.mark.usefixtures("place")
def test_command_line_sends_its_key(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(settings.with_environment({"AUTH": "keys"}), tmp_path) as url:
        monkeypatch.setenv("API_URL", url)
        refused = run("list")
        assert isinstance(refused.exception, Permanent)
        assert "(unauthorized, 401)" in refused.exception.message
        monkeypatch.setenv("INTERVIEW_WORKER_KEY", create("--scope", "interviews:read"))
        assert run("list").exit_code == 0
