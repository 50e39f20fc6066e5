"""A developer's environment variables do not affect the tests."""

import os

import pytest

from tests import environment
from worker.settings import Settings


@pytest.mark.parametrize(
    "name",
    [
        *("REDIS_URL", "redis_url", "API_PORT", "METRICS_TOKEN_FILE", "LOG_LEVEL"),
        *("CELERY_BROKER_URL", "OPENAI_ORG_ID", "OTEL_SERVICE_NAME", "RABBITMQ_NODENAME"),
        *("http_proxy", "HTTPS_PROXY", "FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS"),
        "PYTHONWARNINGS",
    ],
)
def test_variables_are_removed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    environment.clean()
    assert name not in os.environ


@pytest.mark.parametrize("name", ["CI", "HOME", "LANG", "PATH", "TMPDIR", "TZ", "CHAOS"])
def test_variables_of_machine_and_run_are_kept(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    environment.clean()
    assert os.environ[name] == "1"


def test_settings_are_kept_for_contract_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER", "openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("NO_COLOR", "1")
    environment.clean()
    assert os.environ["OPENAI_API_KEY"] == "sk-1"
    assert "NO_COLOR" not in os.environ


def test_settings_have_their_defaults() -> None:
    assert Settings().model_fields_set == set()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [("NO_COLOR", "1", False), ("FORCE_COLOR", "1", True), ("PY_COLORS", "0", False)],
)
def test_colours_of_pytest_follow_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, wanted: bool
) -> None:
    monkeypatch.setenv(name, value)
    assert environment.wants_colours() is wanted
