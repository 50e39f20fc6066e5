"""External test tools, installed in a separate environment."""

import shutil
from pathlib import Path

from tests.processes import ROOT

_PLACE = ROOT / ".venv-tools" / "bin"


def tool(name: str) -> Path | None:
    """The path of a program of the group `tools`; None if it is not installed."""
    found = shutil.which(name, path=_PLACE)
    return Path(found) if found else None
