"""External programs that tests need and that may be missing.

Tests whose programs are missing are skipped on a developer's machine, and fail in CI (`CI` in the
environment). In both cases the end of the output lists the missing programs and the commands that
install them. Tests that CI cannot run, because they need a container engine or credentials of a
cloud service, are skipped by their own conditions.
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
"""Directories of servers, which an ordinary user's PATH may lack."""


@dataclass(frozen=True)
class Program:
    """A program that can be installed.

    Attributes:
        names: Its names in different distributions.
        places: Glob patterns of its files, which take precedence over the PATH.
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
    """A program of the group `tools`, which has a separate environment."""

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
    "node-exporter": Program(("prometheus-node-exporter", "node_exporter")),
    "blackbox-exporter": Program(("prometheus-blackbox-exporter", "blackbox_exporter")),
    # Debian's wrapper on the PATH changes the user, and leaves the server running when it exits.
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
    # Part of Erlang, which may install it outside of the PATH.
    "epmd": Program(
        ("epmd",), ("/usr/lib/erlang/bin/epmd", "/usr/local/lib/erlang/bin/epmd", "/opt/*/bin/epmd")
    ),
    # It has TLS and Sentinel, which the embedded Valkey lacks.
    "redis-server": Program(("redis-server",)),
    "openssl": Program(("openssl",), how="apt-get install openssl"),
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
    """The path of a program. The test must be marked with `needs`."""
    found = PROGRAMS[name].find()
    assert found is not None, f"{name} is missing: {PROGRAMS[name].how} installs it"
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", f"{_MARK}(*names): programs without which it cannot run")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are missing, or fail it in CI, before any of its fixtures."""
    wanted = {name for mark in item.iter_markers(_MARK) for name in mark.args}
    missing = sorted(name for name in wanted if PROGRAMS[name].find() is None)
    if not missing:
        return
    # Reports transfer user properties from the workers of pytest-xdist to the summary.
    item.user_properties += [(_MISSING, f"{name}: {PROGRAMS[name].how}") for name in missing]
    reason = f"{', '.join(missing)} cannot be found"
    if in_ci():
        pytest.fail(f"{reason}, and in CI nothing is skipped that can be installed", pytrace=False)
    pytest.skip(reason)


def in_ci() -> bool:
    """Whether this is CI, which sets the variable `CI`."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the missing programs, and how to install them, at the end of the output."""
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
    """Lines that list the missing programs and the number of tests, by installing command."""
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
