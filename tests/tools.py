"""Programs that look at the service from the outside, in an environment of their own."""

import shutil
from pathlib import Path

from tests.processes import ROOT

_PLACE = ROOT / ".venv-tools" / "bin"


def tool(name: str) -> Path | None:
    """Where a program of the group `tools` is; None where it is not installed."""
    found = shutil.which(name, path=_PLACE)
    return Path(found) if found else None
