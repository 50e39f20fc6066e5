"""Tests of settings: errors are one clear line, and secrets are never shown."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr
from rich.console import Console

from tasks.errors import Permanent
from worker.adapters.language.settings import OpenAISettings
from worker.adapters.providers import Context
from worker.cli.listing import settings_table
from worker.environment import ProviderSettings
from worker.settings import Settings, load_settings
from worker.urls import mask_url


class AcmeSettings(ProviderSettings):
    acme_key: SecretStr | None = None
    acme_window: int = Field(10, ge=1)


def context() -> Context:
    unused: Any = None
    return Context(load_settings(), breaker=unused, bill=unused)


def test_a_provider_from_another_package_has_settings_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.setenv("ACME_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("ACME_WINDOW", "20")
    monkeypatch.setenv("PROVIDER_TIMEOUT", "5")
    found = context().settings_for(AcmeSettings)
    assert found.acme_key == SecretStr("s3cret")
    assert (found.acme_window, found.provider_timeout) == (20, 5)
    monkeypatch.setenv("ACME_WINDOW", "0")
    with pytest.raises(Permanent, match=r"^ACME_WINDOW: [^\n]+$"):
        context().settings_for(AcmeSettings)


def test_providers_of_ours_share_the_settings_of_the_service() -> None:
    given = context()
    assert given.settings_for(OpenAISettings) is given.settings


def test_every_setting_says_what_it_is_for() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERVIEW_TYPES", "screening, panel,")
    monkeypatch.setenv("API_PORT", "0")
    monkeypatch.setenv("REDIS_URL", "")
    settings = load_settings()
    assert settings.interview_types == ("screening", "panel")
    assert settings.api_port == 0
    assert settings.redis_url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "eighty"),
        ("API_PORT", "70000"),
        ("INTERVIEW_TYPES", ","),
        ("INTERVIEW_TYPES", "x" * 65),
        ("MAX_ATTEMPTS", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("WEBHOOK_BACKOFF", "5,soon"),
        ("DAILY_BUDGET", "5"),
        ("DAILY_BUDGET", "local=much"),
        ("DAILY_BUDGET", "local=-1"),
        ("DAILY_BUDGET", "lokal=5"),
        ("WEBHOOK_BACKOFF", "-1"),
        ("WEBHOOK_SECRET", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("WEBHOOK_SECRET", "whsec_too+short"),
        (
            "WEBHOOK_SECRET",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_é",
        ),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Permanent) as caught:
        load_settings()
    assert name in caught.value.message
    assert "\n" not in caught.value.message


_ADDRESSES = [name for name in Settings.model_fields if name.endswith(("_url", "_endpoint"))]


@pytest.mark.parametrize("name", _ADDRESSES)
def test_shows_no_secret_of_a_url(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    schemes = {"mongodb_url": "mongodb", "redis_url": "redis"}
    url = f"{schemes.get(name, 'https')}://user:s3cret@server.example/a?key=s3cret"
    monkeypatch.setenv(name.upper(), url)
    shown = table_of_settings()
    assert "s3cret" not in shown
    assert "server.example/a" in shown


def test_shows_all_settings_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "s3cret-s3cret-s3cret-s3cret-s3cret")
    shown = table_of_settings()
    assert "s3cret" not in shown
    for name in Settings.model_fields:
        assert name.upper() in shown


def table_of_settings() -> str:
    shown = StringIO()
    Console(file=shown, width=400).print(settings_table(load_settings()))
    return shown.getvalue()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:pw@h:6379/0", "redis://***@h:6379/0"),
        ("redis://h", "redis://h"),
        ("https://u:p@h/a/b?token=x", "https://***@h/a/b"),
        ("mongodb://u:p@a@h1,h2/db", "mongodb://***@h1,h2/db"),
        ("mongodb://u:pa/ss@h/db", "mongodb://***@h/db"),
        ("mongodb://u:p?a#ss@h/db?x=s", "mongodb://***@h/db"),
        ("mongodb://u:12/34@h/db", "mongodb://***@h/db"),
        ("https://token@h/a", "https://***@h/a"),
        ("https://h:8080/a#token", "https://h:8080/a"),
        ("https://h/dav/anna@b.example/", "https://h/dav/anna@b.example/"),
        ("u:p@h", "***@h"),
    ],
)
def test_masks(url: str, expected: str) -> None:
    assert mask_url(url) == expected


@pytest.mark.parametrize(
    ("host", "auth", "required"),
    [
        ("127.0.0.1", "", False),
        ("127.8.0.1", "", False),
        ("::1", "", False),
        ("localhost", "", False),
        ("127.0.0.1", "open", False),
        ("127.0.0.1", "keys", True),
        ("0.0.0.0", "", True),
        ("::", "", True),
        ("10.0.0.7", "keys", True),
        ("worker.example", "", True),
        ("localhost.example", "", True),
    ],
)
def test_access_is_open_on_loopback_alone(
    monkeypatch: pytest.MonkeyPatch, host: str, auth: str, required: bool
) -> None:
    monkeypatch.setenv("API_HOST", host)
    monkeypatch.setenv("AUTH", auth)
    assert load_settings().keys_required is required


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "worker.example"])
def test_open_access_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("API_HOST", host)
    monkeypatch.setenv("AUTH", "open")
    with pytest.raises(Permanent, match=rf"AUTH: open access .* API_HOST is {host}"):
        load_settings()


def test_secrets_of_webhooks_may_be_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_BACKOFF", "0.5, 10")
    assert load_settings().webhook_secrets == []
    secrets = [f"whsec_{kind * 32}" for kind in "AB"]
    monkeypatch.setenv("WEBHOOK_SECRET", " ".join(secrets))
    settings = load_settings()
    assert settings.webhook_secrets == secrets
    assert list(settings.webhook_backoff) == [0.5, 10]
    assert Settings().with_environment(settings.environment()) == settings


def a_secret(name: str) -> str:
    """A valid value of a setting, with `s3cret` in the part that must be hidden."""
    if name == "webhook_secret":
        return f"whsec_s3cret{'A' * 26}"
    return "scheme://user:s3cret@host/place"


SECRETS = [
    name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
]


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_come_from_a_file_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{a_secret(name)}\n")
    monkeypatch.setenv(f"{name.upper()}_FILE", str(file))
    settings = load_settings()
    assert getattr(settings, name).get_secret_value() == a_secret(name)
    shown = StringIO()
    Console(file=shown, width=300).print(settings_table(settings), repr(settings))
    assert "s3cret" not in shown.getvalue()


def test_no_other_secret_is_shown_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name.upper(), a_secret(name))
    shown = StringIO()
    Console(file=shown, width=300).print(settings_table(load_settings()))
    assert "s3cret" not in shown.getvalue()


def test_a_value_comes_before_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("redis://from-file")
    monkeypatch.setenv("REDIS_URL_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("REDIS_URL", "redis://from-value")
    found = load_settings().redis_url
    assert found is not None
    assert found.get_secret_value() == "redis://from-value"


def test_a_file_that_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METRICS_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(Permanent, match=r"METRICS_TOKEN_FILE: .*none") as caught:
        load_settings()
    assert "\n" not in caught.value.message


def test_children_get_what_files_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("redis://from-file")
    monkeypatch.setenv("REDIS_URL_FILE", str(tmp_path / "secret"))
    assert load_settings().environment() == {"REDIS_URL": "redis://from-file"}


def test_a_budget_survives_the_way_to_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_BUDGET", "local=5, whisper = 0.5,")
    settings = load_settings()
    assert settings.daily_budget == {"local": 5, "whisper": 0.5}
    monkeypatch.setenv("DAILY_BUDGET", settings.environment()["DAILY_BUDGET"])
    assert load_settings().daily_budget == settings.daily_budget
