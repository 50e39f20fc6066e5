"""Programs that tests need and that may be missing.

A laptop skips what it cannot do. In CI (`CI` in the environment) what can be installed must be:
there such a test fails. Either way the end of the run tells what was missing, and what installs it.
What cannot be had in CI, as a container engine or the keys of a cloud, is skipped by itself.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from tests.tools import tool

_MARK = "needs"
_MISSING = "missing"
_SYSTEM = "make system-packages"
_PLACES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where servers are that the PATH of an ordinary user leaves out."""


@dataclass(frozen=True)
class Program:
    """A program that can be installed.

    Attributes:
        names: What it is called, in one distribution or another.
        places: Patterns of the files that it may be, which come before those on the path.
        how: The command that installs it.
    """

    names: tuple[str, ...]
    places: tuple[str, ...] = ()
    how: str = _SYSTEM

    def find(self) -> str | None:
        """Where it is; None where it is missing."""
        for pattern in self.places:
            for found in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
                if os.access(found, os.X_OK):
                    return str(found)
        path = os.pathsep.join((os.environ.get("PATH", ""), *_PLACES))
        found_ones = (shutil.which(name, path=path) for name in self.names)
        return next(filter(None, found_ones), None)


@dataclass(frozen=True)
class Tool(Program):
    """A program of the group `tools`, in an environment of its own."""

    how: str = field(default="make .venv-tools/.tools")

    def find(self) -> str | None:
        """Where it is; None where it is missing."""
        found = tool(self.names[0])
        return str(found) if found else None


PROGRAMS: dict[str, Program] = {
    "prometheus": Program(("prometheus",)),
    "promtool": Program(("promtool",)),
    "alertmanager": Program(("prometheus-alertmanager", "alertmanager")),
    "amtool": Program(("amtool",)),
    # What is on Debian's path changes to another user, and leaves the server behind when it ends.
    "rabbitmq-server": Program(
        ("rabbitmq-server",),
        (
            "/usr/lib/rabbitmq/bin/rabbitmq-server",
            "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
            "/usr/local/lib/erlang/lib/rabbitmq_server-*/sbin/rabbitmq-server",
            "/opt/rabbitmq*/sbin/rabbitmq-server",
            "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
            "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
        ),
    ),
    # It comes with Erlang, which may keep it to itself.
    "epmd": Program(
        ("epmd",), ("/usr/lib/erlang/bin/epmd", "/usr/local/lib/erlang/bin/epmd", "/opt/*/bin/epmd")
    ),
    "unshare": Program(("unshare",), how="apt-get install util-linux"),
    "schemathesis": Tool(("schemathesis",)),
}


def needs(*names: str) -> pytest.MarkDecorator:
    """Mark tests that need programs, by their names in `PROGRAMS`."""
    unknown = set(names) - PROGRAMS.keys()
    assert not unknown, unknown
    mark: pytest.MarkDecorator = getattr(pytest.mark, _MARK)
    return mark(*names)


def program(name: str) -> str:
    """Where a program is that a test is marked to need."""
    found = PROGRAMS[name].find()
    assert found is not None, f"{name} is missing: {PROGRAMS[name].how} installs it"
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", f"{_MARK}(*names): programs without which it cannot run")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are missing, or fail it in CI, before any of its fixtures."""
    wanted = {name for mark in item.iter_markers(_MARK) for name in mark.args}
    missing = sorted(name for name in wanted if PROGRAMS[name].find() is None)
    if not missing:
        return
    # This is how reports carry it from the processes of pytest-xdist to the one that sums up.
    item.user_properties += [(_MISSING, f"{name}: {PROGRAMS[name].how}") for name in missing]
    reason = f"{', '.join(missing)} cannot be found"
    if in_ci():
        pytest.fail(f"{reason}, and in CI nothing is skipped that can be installed", pytrace=False)
    pytest.skip(reason)


def in_ci() -> bool:
    """Whether this is CI, by the variable that all of its kind set."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say last of all what was missing, and what installs it."""
    reports = [
        report
        for outcome in ("skipped", "failed", "error")
        for report in terminalreporter.stats.get(outcome, ())
    ]
    lines = summary(reports)
    if lines:
        terminalreporter.section("not everything was tested", red=True, bold=True)
        for line in lines:
            terminalreporter.line(line, red=True)


def summary(reports: Iterable[pytest.TestReport]) -> Sequence[str]:
    """What was missing in how many tests, by the command that installs it."""
    counts = Counter(
        str(value)
        for report in reports
        for key, value in getattr(report, "user_properties", ())
        if key == _MISSING
    )
    by_command: dict[str, list[str]] = {}
    for missing, count in sorted(counts.items()):
        name, _, command = missing.partition(": ")
        by_command.setdefault(command, []).append(f"{name} ({count} tests)")
    return [
        f"`{command}` installs {', '.join(by_command[command])}" for command in sorted(by_command)
    ]
