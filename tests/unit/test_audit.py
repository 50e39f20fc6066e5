"""Interpretation of pip-audit's output."""

import json
from typing import Any

import pytest

from tests.audit import verdict

SOUND = {"name": "a", "version": "1", "vulns": []}
SICK = {
    "name": "b",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": "Bad."}],
}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI: c (3)"}


def answer(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([SOUND], 0, "0 known vulnerabilities in 1 packages"),
        ([SOUND, UNKNOWN], 0, "NOT AUDITED: c"),
        ([SOUND, SICK], 1, "b 2: PYSEC-1, mended in 2.1"),
        ([UNKNOWN], 0, "NOT AUDITED: the service that was reached knows none of the packages"),
    ],
)
def test_vulnerabilities_are_reported(packages: list[dict[str, Any]], code: int, said: str) -> None:
    found, lines = verdict(answer(*packages), "")
    assert found == code
    assert said in lines


def test_failures_differ_from_an_unreachable_service() -> None:
    log = "Traceback …\nrequests.exceptions.ConnectionError: Failed to resolve 'api.osv.dev'\n"
    assert verdict("", log)[0] == 0
    assert verdict("", log)[1][0].startswith("NOT AUDITED")
    assert verdict("", "ERROR: dev.lock is no file\n")[0] == 1
    assert verdict("", "")[0] == 1
