"""The documentation describes all metrics, and its examples are valid."""

import re

import pytest

from monitoring import metrics
from monitoring.metrics.definitions import Metric, Scope
from tasks.clock import now
from tasks.interviews.interview import Submission
from tests.processes import ROOT
from tests.samples import SAMPLES

TEXT = (ROOT / "docs" / "reference" / "monitoring.md").read_text()


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_every_metric_is_described(metric: Metric) -> None:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    combined = {Scope.HOST: "sum", Scope.SHARED: "max"}[metric.scope]
    assert f"| `{metric.name}{labels}` | {metric.kind} | {combined} | {metric.help} |" in TEXT


def domains() -> list[str]:
    """The rows of the table of labels."""
    uses: dict[str, dict[str, list[str]]] = {}
    for metric in metrics.ALL:
        for label in metric.labels:
            by_domain = uses.setdefault(label, {})
            by_domain.setdefault(str(label.domain), []).append(f"`{metric.name}`")
    return [
        f"| `{label}` | {domain} | {', '.join(sorted(names)) if len(by_domain) > 1 else 'all'} |"
        for label, by_domain in sorted(uses.items())
        for domain, names in by_domain.items()
    ]


def test_the_values_of_every_label_are_described() -> None:
    table = TEXT.partition("## Labels\n")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert rows == domains()


@pytest.mark.parametrize("page", ["README.md", "docs/reference/dashboards.md"])
def test_pictures_exist_and_are_small(page: str) -> None:
    pictures = re.findall(r"\(([^)]+\.png)\)", (ROOT / page).read_text())
    assert pictures
    for picture in pictures:
        assert ((ROOT / page).parent / picture).stat().st_size < 150_000


def submissions() -> list[tuple[str, str]]:
    """Every example of a submission: in JSON blocks, in curl commands, and in files."""
    found = [(str(file), file.read_text()) for file in SAMPLES.glob("*.submission.json")]
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))):
        text = page.read_text()
        blocks = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
        blocks += re.findall(r"-F 'interview=(.*?)'", text, re.DOTALL)
        found += [(page.name, block) for block in blocks if '"candidate": {' in block]
    return found


@pytest.mark.parametrize(("place", "text"), submissions(), ids=lambda value: value[-20:])
def test_example_submissions_are_accepted(place: str, text: str) -> None:
    submission = Submission.model_validate_json(text)
    assert submission.consent is not None, place
    assert submission.consent.at < now(), place


def test_example_submissions_are_found() -> None:
    assert {place.rpartition("/")[2] for place, _ in submissions()} >= {
        "README.md",
        "producers.md",
        "screening.submission.json",
    }
