"""The locks: complete, exact, and the same everywhere."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from itertools import product
from typing import NamedTuple

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.processes import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

PLATFORMS = {
    "x86_64": ("linux", "Linux"),
    "aarch64": ("linux", "Linux"),
    "arm64": ("darwin", "Darwin"),
}
PYTHONS = ("3.11.0", "3.12.1", "3.13.0")


class Pin(NamedTuple):
    version: str
    requirement: Requirement


def pins(name: str) -> dict[str, list[Pin]]:
    found: dict[str, list[Pin]] = {}
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.startswith("#") or not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(line.partition(" --hash")[0].strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        found.setdefault(canonicalize_name(requirement.name), []).append(
            Pin(specifier.version, requirement)
        )
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_package_has_hashes_and_no_url(lock: object) -> None:
    text = (ROOT / "requirements" / getattr(lock, "name", "")).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
    assert len(entries) >= 1
    for entry in entries:
        assert re.match(r"[a-z0-9._\[\],-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert not re.search(r"(?i)https?:|index-url|find-links| @ ", text)


def test_the_locks_agree() -> None:
    everything = pins("dev")
    for name in ("run", "uv"):
        for package, found in pins(name).items():
            assert [p.version for p in found] == [p.version for p in everything[package]], package


def test_the_bootstrap_is_one_package_without_dependencies() -> None:
    assert list(pins("uv")) == ["uv"]
    assert metadata.distribution("uv").requires is None


def environments() -> Iterator[dict[str, str]]:
    for (machine, (platform, system)), python in product(PLATFORMS.items(), PYTHONS):
        yield {
            **{name: str(value) for name, value in default_environment().items()},
            "platform_machine": machine,
            "sys_platform": platform,
            "platform_system": system,
            "python_full_version": python,
            "python_version": python.rpartition(".")[0],
        }


def left_out() -> set[str]:
    """Packages that the project excludes by overrides."""
    given = PROJECT["tool"]["uv"]["override-dependencies"]
    return {canonicalize_name(Requirement(one).name) for one in given}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run", "dev"])
def test_dependencies_of_extras_are_pinned(name: str) -> None:
    """Walk all dependencies with their extras, as an installer would, on each platform."""
    extras = PROJECT["project"]["optional-dependencies"]
    chosen = (
        ("whisper", "local", "caldav", "flower", "embedded") if name == "run" else tuple(extras)
    )
    roots = [*PROJECT["project"]["dependencies"], *(one for e in chosen for one in extras[e])]
    if name == "dev":
        roots += PROJECT["dependency-groups"]["dev"]
    pinned = pins(name)
    reached = 0
    for environment in environments():
        seen: set[tuple[str, str]] = set()
        waiting = [(Requirement(one), "") for one in roots]
        while waiting:
            requirement, extra = waiting.pop()
            if requirement.marker and not requirement.marker.evaluate(
                {**environment, "extra": extra}
            ):
                continue
            package = canonicalize_name(requirement.name)
            if package in left_out() | {"interview-worker"}:
                waiting += [
                    (Requirement(one), "")
                    for each in requirement.extras
                    for one in extras.get(each, ())
                ]
                continue
            versions = [
                pin.version
                for pin in pinned.get(package, ())
                if pin.requirement.marker is None or pin.requirement.marker.evaluate(environment)
            ]
            assert len(versions) == 1, (package, versions, environment)
            assert requirement.specifier.contains(versions[0], prereleases=True), requirement
            reached += bool(requirement.extras)
            for one in ("", *requirement.extras):
                if (package, one) not in seen:
                    seen.add((package, one))
                    waiting += [(each, one) for each in requires(package)]
    assert reached > 0


@cache
def requires(package: str) -> tuple[Requirement, ...]:
    """The dependencies of an installed package on this platform."""
    try:
        return tuple(map(Requirement, metadata.distribution(package).requires or ()))
    except metadata.PackageNotFoundError:
        return ()
