"""Copyleft licences of installed distributions are named in the decision on licences."""

import re
from importlib import metadata

from packaging.utils import canonicalize_name

from tests.processes import ROOT
from tests.unit.test_locks import pins

COPYLEFT = re.compile(r"GPL|GNU|Affero|MPL|Mozilla|EUPL|SSPL", re.IGNORECASE)


def licence(distribution: metadata.Distribution) -> str:
    fields = distribution.metadata
    classifiers = fields.get_all("Classifier") or []
    return "\n".join(
        [
            *(fields.get_all("License-Expression") or []),
            # Some packages have the whole text of the licence here.
            *(text[:100] for text in fields.get_all("License") or []),
            *(text for text in classifiers if text.startswith("License ::")),
        ]
    )


def test_decision_names_every_copyleft_distribution() -> None:
    named = set(re.findall(r"`([\w.-]+)`", (ROOT / "docs/adr/0010-licence.md").read_text()))
    run = pins("run")
    installed = {
        canonicalize_name(found.name): licence(found) for found in metadata.distributions()
    }
    texts = {name: text for name, text in installed.items() if name in run}
    assert {name for name, text in texts.items() if not text} <= named
    copyleft = {name for name, text in texts.items() if COPYLEFT.search(text)}
    assert "recurring-ical-events" in copyleft
    assert copyleft <= named
