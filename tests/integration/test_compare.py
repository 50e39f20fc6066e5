"""Tests of `interview-worker compare` with real speech."""

import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from tasks.providers.comparison import word_error_rate
from tests.samples import TECHNICAL, true_transcript
from tests.servers.google import google_error, service_account, with_tokens, without_regions
from tests.servers.google_speech import recognised, result
from tests.servers.scripted import Answer, scripted_server
from worker.cli.commands import app


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    file = tmp_path / "words.txt"
    file.write_text(true_transcript("technical").text)
    return file


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr("worker.cli.commands.out", Console(width=160))
    return CliRunner().invoke(app, ["compare", str(TECHNICAL), *arguments])


def test_providers_are_compared_in_a_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reference: Path
) -> None:
    heard = recognised(result(("We", 0.1, 0.3, 0.5), ("had", 0.3, 0.6, 0.5)))
    picture = tmp_path / "picture.svg"
    with without_regions(), scripted_server(with_tokens(lambda _: Answer(body=heard))) as server:
        account = service_account(tmp_path, server.url)
        monkeypatch.setenv("GOOGLE_CREDENTIALS", str(account))
        monkeypatch.setenv("GOOGLE_SPEECH_URL", server.url)
        options = ["--reference", str(reference), "--picture", str(picture)]
        shown = run(monkeypatch, "--providers", "whisper,google", *options)
    assert shown.exit_code == 0, shown.output
    rows = {line.split("│")[1].strip(): line for line in shown.output.splitlines() if "│" in line}
    assert "tiny.en" in rows["whisper"]
    # The limit of tests/integration/test_whisper.py: results differ slightly between processors.
    errors = re.search(r"(\d+\.\d)%", rows["whisper"])
    assert errors is not None
    assert float(errors[1]) <= 3
    assert all(one in shown.output for one in ("word errors", "real-time factor"))
    assert "latest_long" in rows["google"]
    assert "50.0%" in rows["google"]
    assert "$0." in rows["google"]
    drawn = picture.read_text()
    assert drawn.startswith("<svg")
    assert "latest_long" in drawn


def test_failed_provider_is_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refused = google_error(403, "permission_denied")
    with without_regions(), scripted_server(with_tokens(lambda _: refused)) as server:
        monkeypatch.setenv("GOOGLE_CREDENTIALS", str(service_account(tmp_path, server.url)))
        monkeypatch.setenv("GOOGLE_SPEECH_URL", server.url)
        shown = run(monkeypatch, "--providers", "google")
    assert shown.exit_code == 1
    assert "google_speech answered 403" in shown.output


def test_unknown_provider_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run(monkeypatch, "--providers", "nobody")
    assert "there is no provider 'nobody'" in str(shown.exception)


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        ("It's a well-known cache.", "its a well known CACHE", 0.2),
        ("one two three four", "one two three four", 0),
        ("one two three four", "one three four five", 0.5),
        ("one two", "", 1),
    ],
)
def test_word_error_rate_ignores_punctuation(said: str, heard: str, rate: float) -> None:
    assert word_error_rate(said, heard) == pytest.approx(rate)
