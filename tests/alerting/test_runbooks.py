"""Each alert has a runbook, and runbooks refer only to things that exist."""

import re
from pathlib import Path

import pytest
import typer.main

from monitoring import metrics
from monitoring.metrics.definitions import Histogram
from monitoring.stack.prometheus.files import all_alerts, contents
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "monitoring" / "runbooks"
FILES = sorted(RUNBOOKS.glob("*.md"))
INVESTIGATIONS = {
    "incident-response",
    "investigate-high-error-rate",
    "investigate-performance-degradation",
}
SECTIONS = ("Meaning", "Impact", "Diagnosis", "Mitigation")


def test_every_alert_has_exactly_one_runbook() -> None:
    names = {alert.name for alert in all_alerts()}
    assert {file.stem for file in FILES} == names | INVESTIGATIONS
    for alert in all_alerts():
        assert alert.annotations["runbook_url"].endswith(f"/public/runbooks/{alert.name}.md")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_runbook_has_all_sections(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("# ")
    if file.stem not in INVESTIGATIONS:
        assert tuple(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == SECTIONS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_runbook_names_only_existing_things(file: Path) -> None:
    text = file.read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (RUNBOOKS / target).exists(), target
    for path in re.findall(r"`((?:docs|monitoring)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    assert set(re.findall(r"interview-worker ([a-z]+)", text)) <= commands()
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets()
    assert set(re.findall(r"`([A-Z][A-Z_]+_[A-Z_]+)`", text)) <= settings()
    assert named_metrics(text) <= known_metrics()


def commands() -> set[str]:
    import worker.cli

    return set(typer.main.get_group(worker.cli.app).commands)  # type: ignore[attr-defined]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def known_metrics() -> set[str]:
    known = {"up"}
    for one in metrics.ALL:
        known.add(one.name)
        if isinstance(one, Histogram):
            known |= {f"{one.name}_{suffix}" for suffix in ("bucket", "count", "sum")}
    for text in contents().values():
        known |= set(re.findall(r"record: (\S+)", text))
    return known


def named_metrics(text: str) -> set[str]:
    """Words in code that look like metrics: with a selector, or with two underscores or colons."""
    code = " ".join(re.findall(r"`([^`]+)`", text))
    selected = set(re.findall(r"([a-z_:][\w:]*)\{", code))
    words = re.findall(r"\b[a-z]+(?:[_:][a-z0-9]+){2,}\b", code)
    return selected | {word for word in words if not word.endswith("_url")}
