"""Tests of provider lookup: built-in, third-party and missing ones."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.errors import MissingExtra, Permanent
from tests.processes import ROOT
from worker.adapters.providers import Context
from worker.bootstrap import calendars, check_providers, provider_context
from worker.plugins import CALENDAR, LANGUAGE, SPEECH, ProviderKind
from worker.settings import Settings

PROVIDER = """
from tasks.analysis.findings import ModelCall, SummaryFinding

class Parrot:
    name = "parrot"
    languages = None

    def __init__(self, context):
        self.context = context

    def summarise(self, transcript):
        with self.context.breaker("parrot", "/talk"):
            call = ModelCall(provider="parrot", model="grey")
            return SummaryFinding(text=transcript.text, confidence=1.0, call=call)

def open_provider(context):
    return Parrot(context)
"""

ENTRY_POINTS = """
[interview_worker.language]
parrot = parrot:open_provider
headless = parrot_without_its_package:open_provider
"""

PROGRAM = """
import sys
from worker.settings import load_settings
from worker.bootstrap import open_stores, provider_context, services
from tests.samples import true_transcript

settings = load_settings()
with open_stores(settings) as stores, provider_context(settings, stores.ledger) as context:
    call = services(context, stores).language.summarise(true_transcript("technical")).call
    print(call.provider, call.fallback_from)
"""


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A third-party distribution, as installed by pip."""
    (tmp_path / "parrot.py").write_text(PROVIDER)
    info = tmp_path / "parrot-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return tmp_path


@pytest.fixture
def installed(others: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(others)


@pytest.fixture
def context() -> Iterator[Context]:
    with provider_context(Settings(caldav_url=SecretStr("http://127.0.0.1:1/"))) as context:
        yield context


@pytest.mark.parametrize(
    ("kind", "name"), [(SPEECH, "whisper"), (LANGUAGE, "local"), (CALENDAR, "caldav")]
)
def test_built_in_providers_are_found(
    kind: ProviderKind[object], name: str, context: Context
) -> None:
    assert name in kind.known()
    assert getattr(kind.open(name, context), "name", None) == name


def test_unknown_provider_error_lists_the_installed_ones() -> None:
    settings = Settings(transcription_providers=("whisper", "wisper"))
    with pytest.raises(Permanent, match=r"TRANSCRIPTION_PROVIDERS.*'wisper'.*whisper") as caught:
        check_providers(settings, SPEECH)
    assert caught.value.code == "configuration"


@pytest.mark.usefixtures("installed")
def test_missing_packages_are_named(context: Context) -> None:
    with pytest.raises(MissingExtra, match="headless needs parrot_without_its_package"):
        LANGUAGE.open("headless", context)


@pytest.mark.usefixtures("installed")
def test_third_party_provider_is_found(context: Context) -> None:
    assert {"local", "parrot"} <= set(LANGUAGE.known())
    assert LANGUAGE.open("parrot", context).languages is None


def test_third_party_provider_works_in_a_process(
    others: Path, mongodb_url: str, redis_url: str, caldav_url: str
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(others)]),
        "MONGODB_URL": mongodb_url,
        "REDIS_URL": redis_url,
        "CALDAV_URL": caldav_url,
        "ANALYSIS_PROVIDERS": "parrot,local",
    }
    program = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        program, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("parrot None\n", "")


def test_calendar_provider_requires_a_url() -> None:
    with provider_context(Settings()) as context, pytest.raises(Permanent, match="CALDAV_URL"):
        calendars(context)
