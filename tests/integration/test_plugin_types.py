"""The types that a plugin gets from the installed packages, as mypy reads them."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from tests.processes import ROOT

PAGE = (ROOT / "docs" / "how-to" / "add-a-provider.md").read_text()
PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"][
    "build"
]["targets"]["wheel"]["packages"]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has copies of the packages, as from a wheel.

    In an editable installation mypy finds the sources and does not look for `py.typed`.
    """
    place = tmp_path_factory.mktemp("plugin")
    venv.create(place, symlinks=True, with_pip=False)
    (site,) = place.glob("lib/python*/site-packages")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, site / package)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return place / "bin" / "python"


def check(python: Path, folder: Path, text: str) -> str:
    """Run `mypy --strict` on a plugin and return what it prints."""
    (folder / "provider.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "provider.py"]
    options = [f"--python-executable={python}", f"--cache-dir={python.parents[1] / 'cache'}"]
    done = subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_the_documented_provider_is_fully_typed(python: Path, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert check(python, tmp_path, example).startswith("Success")


def test_names_that_plugins_import_have_types(python: Path, tmp_path: Path) -> None:
    text = """import interview_worker as api

reveal_type(api.Segment.start)
reveal_type(api.Charge(None, "1").cost)
api.Usage(provider=1, model="acme-1")
"""
    printed = check(python, tmp_path, text)
    assert '"float"' in printed
    assert '"float | None"' in printed
    assert "[arg-type]" in printed
