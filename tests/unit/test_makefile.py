"""`make help` lists the documented targets in groups."""

import re
import subprocess

from tests.processes import ROOT


def test_help_lists_every_target_in_a_group() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    groups = re.findall(r"^##@ (.+)$", makefile, re.MULTILINE)
    answer = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    listed = re.findall(r"^  ([a-z-]+) +\S", answer.stdout, re.MULTILINE)
    assert listed == targets
    assert re.findall(r"^(\S.*)$", answer.stdout, re.MULTILINE) == groups
