"""Reporting of missing programs, on a developer's machine and in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.requirements import PROGRAMS, Program, needs, program

_TESTS = """
import pytest
from tests.requirements import PROGRAMS, Program, needs

PROGRAMS["there"] = Program(("sh",))
PROGRAMS["gone"] = Program(("no-such-program",))
PROGRAMS["lost"] = Program(("no-such-tool",), how="make tools")

@pytest.fixture
def costly():
    raise AssertionError("nothing is set up for a test that is skipped")

@needs("there")
def test_there():
    pass

@needs("there", "gone")
def test_gone(costly):
    pass

@pytest.mark.parametrize("number", range(3))
@needs("gone", "lost")
def test_lost(number):
    pass
"""


def run(place: Path, *options: str, **environment: str) -> str:
    """The output of pytest for tests of which most need missing programs."""
    (place / "test_some.py").write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull]
    given = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [*command, "-p", "tests.requirements", *options, "test_some.py"],
        cwd=place,
        env={**given, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def last_lines(output: str) -> list[str]:
    lines = [line for line in output.splitlines() if line]
    return lines[-3:-1]


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "by several processes"])
def test_missing_programs_are_skipped_and_listed_locally(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    output = run(tmp_path, *options)
    assert "1 passed, 4 skipped" in output
    assert last_lines(output) == [
        "`make system-packages` installs gone (4 tests)",
        "`make tools` installs lost (3 tests)",
    ]
    assert output.count("make system-packages") == 1


def test_missing_programs_fail_in_ci(tmp_path: Path) -> None:
    output = run(tmp_path, CI="true")
    assert "1 passed" in output
    assert "skipped" not in output.splitlines()[-1]
    assert "nothing is skipped that can be installed" in output
    assert "`make system-packages` installs gone (4 tests)" in output


def test_summary_is_absent_if_no_program_is_missing(tmp_path: Path) -> None:
    assert "installs" not in run(tmp_path, "-k", "test_there")


def test_programs_are_found_in_directories_of_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    for version in ("9", "8"):
        place = tmp_path / f"server-{version}" / "sbin"
        place.mkdir(parents=True)
        (place / "server").touch(mode=0o755)
    (tmp_path / "server-9" / "sbin" / "server").chmod(0o644)
    found = Program(("other",), (f"{tmp_path}/server-*/sbin/server",)).find()
    assert found == str(tmp_path / "server-8" / "sbin" / "server")
    # `sh` is in a directory that is not on the PATH.
    assert Program(("none", "sh")).find() in ("/bin/sh", "/usr/bin/sh")


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(AssertionError):
        needs("no-such-program")


def test_error_of_an_unmarked_test_names_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(PROGRAMS, "gone", Program(("no-such-program",)))
    with pytest.raises(AssertionError, match="make system-packages"):
        program("gone")
