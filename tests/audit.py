"""The vulnerability check of pinned dependencies with pip-audit (`make audit`)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.processes import ROOT
from tests.tools import tool

_LOCKS = ("requirements/dev.lock", "requirements/tools.lock")
_UNREACHABLE = ("ConnectionError", "Timeout", "ProxyError", "SSLError")
"""Suffixes of the exceptions with which pip-audit fails if it cannot reach its services."""


def main() -> int:
    """Audit all pinned dependencies.

    Returns:
        0 if no vulnerability is known, or if the check was not possible, which is printed clearly.
    """
    program = tool("pip-audit")
    if program is None:
        raise SystemExit("pip-audit is missing: `make audit` installs it")
    return max(_audit(program, ROOT / name) for name in _LOCKS)


def _audit(program: Path, lock: Path) -> int:
    done = subprocess.run(
        [
            *(str(program), "--requirement", str(lock), "--require-hashes", "--disable-pip"),
            *("--format", "json", "--progress-spinner", "off"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    code, lines = verdict(done.stdout, done.stderr)
    sys.stdout.writelines(f"{lock.name}: {line}\n" for line in lines)
    return code


def verdict(printed: str, log: str) -> tuple[int, list[str]]:
    """Interpret pip-audit's output, as an exit code and lines to print.

    pip-audit also reports success if its service knows none of the packages: indexes other than
    PyPI have no vulnerability data.

    Args:
        printed: Its standard output as JSON; empty if it failed.
        log: Its standard error.
    """
    if not printed.strip():
        last = log.strip().splitlines()[-1:] or ["no word"]
        if last[0].partition(":")[0].endswith(_UNREACHABLE):
            return 0, ["NOT AUDITED: the service with the vulnerabilities cannot be reached", *last]
        return 1, ["pip-audit failed", log]
    packages: list[dict[str, Any]] = json.loads(printed)["dependencies"]
    audited = [package for package in packages if "vulns" in package]
    if packages and not audited:
        return 0, ["NOT AUDITED: the service that was reached knows none of the packages"]
    found = [
        f"{package['name']} {package['version']}: {one['id']}, "
        f"mended in {', '.join(one['fix_versions']) or 'no version'}"
        for package in audited
        for one in package["vulns"]
    ]
    skipped = [f"NOT AUDITED: {one['name']}" for one in packages if one not in audited]
    summary = f"{len(found)} known vulnerabilities in {len(audited)} packages"
    return int(bool(found)), [*skipped, *found, summary]


if __name__ == "__main__":
    sys.exit(main())
