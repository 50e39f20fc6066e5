"""`make demo` in a fresh clone of HEAD, with an empty HOME, empty caches and a bare PATH."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.processes import ROOT

_MEGABYTES = 700
"""Maximum size of the demo's environment on disk."""

_SUITABLE = re.compile(r"Python 3\.1[123]\.")
_VERSION = re.compile(r"Python \d+\.\d+\.\d+")

# Proxies, mirrors and certificates, by which a new user reaches the network as well.
_NETWORK = re.compile(
    r"(?i)(https?|all|no)_proxy|ssl_cert_(file|dir)|pip_(cert|index_url|extra_index_url|find_links)"
    r"|pip_default_timeout|uv_(default_index|index)"
)


def check_each_python(place: Path) -> list[str]:
    """Run the demo with each Python; print a line for each, and return the errors."""
    faults = []
    pythons = dict(_pythons())
    suitable = {v: path for v, path in pythons.items() if _SUITABLE.match(v)}
    for version, path in suitable.items():
        faults += _check_demo(place / version.replace(" ", "-"), version, path)
    for version in sorted(pythons.keys() - suitable.keys()):
        faults += _check_refusal(place / version.replace(" ", "-"), version, pythons[version])
    if not suitable:
        faults.append("there is no Python on this machine to try")
    return faults


def _pythons() -> Iterator[tuple[str, Path]]:
    """The Pythons on the PATH and those of pyenv, by the output of `--version`."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [folder / "python3" for folder in folders if "shims" not in folder.parts]
    candidates += sorted(pyenv.glob("versions/*/bin/python"))
    for path in candidates:
        if path.exists() and not path.is_relative_to(ROOT):
            shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            version = (shown.stdout or shown.stderr).strip()
            if _VERSION.fullmatch(version):
                yield version, path


def _environment(place: Path, python: Path) -> dict[str, str]:
    home, programs = place / "home", place / "bin"
    home.mkdir(parents=True)
    programs.mkdir()
    (programs / "python3").symlink_to(python)
    network = {name: value for name, value in os.environ.items() if _NETWORK.fullmatch(name)}
    return {"HOME": str(home), "PATH": f"{programs}:/usr/bin:/bin", **network}


def _clone(place: Path) -> Path:
    clone = place / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    return clone


def _check_demo(place: Path, version: str, python: Path) -> list[str]:
    environment = _environment(place, python)
    clone = _clone(place)
    started = time.monotonic()
    made = subprocess.run(
        ["make", ".venv/.run"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    installed = time.monotonic() - started
    if made.returncode:
        return [f"{version}: the installation failed: {made.stdout}{made.stderr}"]
    shown = subprocess.run(
        ["make", "demo"], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    size = _megabytes(clone / ".venv")
    print(f"{version}: installed in {installed:.0f} s, {size} MB after the demo", flush=True)
    wanted = ("Advice to the reviewer", "Booked", "All processes stopped.")
    lacking = [part for part in wanted if part not in shown.stdout]
    faults = []
    if shown.returncode or lacking:
        faults.append(f"{version}: the demo lacks {lacking}: {shown.stdout}{shown.stderr}")
    if size > _MEGABYTES:
        faults.append(f"{version}: the environment takes {size} MB, more than {_MEGABYTES}")
    if not (clone / ".venv" / "bin" / "python").resolve().samefile(python.resolve()):
        faults.append(f"{version}: the environment was made with another Python")
    return faults


def _check_refusal(place: Path, version: str, python: Path) -> list[str]:
    """Check an unsuitable Python: it is rejected with one line, or another one is found."""
    environment = _environment(place, python)
    found = subprocess.run(
        ["scripts/find-python"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    beside = found.stdout.strip()
    named = subprocess.run(
        ["scripts/find-python", str(python)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    print(
        f"{version}: {named.stderr.strip()} Without a name, found: {beside or 'none'}", flush=True
    )
    faults = []
    if named.returncode == 0 or named.stderr.count("\n") != 1 or "3.13" not in named.stderr:
        faults.append(f"{version}: it is not refused in one line: {named.stderr}")
    if found.returncode == 0 and Path(beside).resolve() == python.resolve():
        faults.append(f"{version}: it is used")
    return faults


def _megabytes(folder: Path) -> int:
    shown = subprocess.run(["du", "-sm", folder], capture_output=True, text=True, check=True)
    return int(shown.stdout.split()[0])
