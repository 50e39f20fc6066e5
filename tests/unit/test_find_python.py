"""The choice of the Python for the environments."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

SYSTEM = "/usr/bin:/bin"


def find(*arguments: str, path: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "find-python"), *arguments],
        env={"PATH": path, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def suitable(folder: Path, name: str) -> Path:
    """Another name for the Python that runs this test."""
    real = Path(os.path.realpath(sys.executable))
    return program(folder, name, f'exec "{real}" "$@"')


OLD = 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac'


def test_suitable_python3_is_used(tmp_path: Path) -> None:
    suitable(tmp_path / "a", "python3")
    found = find(path=f"{tmp_path}/a:{SYSTEM}", home=tmp_path)
    assert found.returncode == 0
    assert Path(found.stdout.strip()).samefile(os.path.realpath(sys.executable))


@pytest.mark.parametrize("name", ["python3", "python3.12", "python"])
def test_search_continues_after_an_unsuitable_python(tmp_path: Path, name: str) -> None:
    program(tmp_path / "a", "python3", OLD)
    suitable(tmp_path / "b", name)
    found = find(path=f"{tmp_path}/a:{tmp_path}/b:{SYSTEM}", home=tmp_path)
    assert found.returncode == 0, found.stderr


def test_failing_shim_is_skipped(tmp_path: Path) -> None:
    program(
        tmp_path / "a", "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127"
    )
    program(tmp_path / "a", "python3", OLD)
    suitable(tmp_path / "b", "python3.11")
    found = find(path=f"{tmp_path}/a:{tmp_path}/b:{SYSTEM}", home=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")


def test_pythons_of_pyenv_are_found_without_a_shim(tmp_path: Path) -> None:
    program(tmp_path / "a", "python3", OLD)
    versions = tmp_path / ".pyenv" / "versions"
    versions.mkdir(parents=True)
    (versions / "3.12.1").mkdir()
    suitable(versions / "3.12.1" / "bin", "python3")
    # Without /usr/bin, where the machine's own Python is found first.
    program(tmp_path / "c", "env", 'shift; shift; shift; shift; exec "$@"')
    found = find(path=f"{tmp_path}/a:{tmp_path}/c", home=tmp_path)
    assert found.returncode == 0, found.stderr


def test_given_python_is_used_or_rejected_with_one_line(tmp_path: Path) -> None:
    old = program(tmp_path / "a", "python3.9", OLD)
    refused = find(str(old), path=SYSTEM, home=tmp_path)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert "Python 3.11, 3.12 or 3.13 is needed" in refused.stderr
    assert "Python 3.9.2" in refused.stderr
    absent = find("/nowhere/python3", path=SYSTEM, home=tmp_path)
    assert (absent.returncode, absent.stderr.count("\n")) == (1, 1)
    assert find(sys.executable, path=SYSTEM, home=tmp_path).returncode == 0
