"""What came of the suites, and how it is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

_XFAIL = "pytest.xfail"


@dataclass(frozen=True)
class Result:
    """The result of one peer.

    Attributes:
        name: The peer.
        version: Its version.
        suites: The suites that ran.
        passed: How many tests passed.
        failed: How many tests failed, or could not run.
        skipped: How many tests were skipped.
        lacking: The tests that cannot pass on this peer, each with the reason.
        reason: Why the peer is not available; empty if it is.
        code: The exit code of pytest.
    """

    name: str
    version: str
    suites: Sequence[str] = ()
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    lacking: Sequence[str] = ()
    reason: str = ""
    code: int = 0

    @property
    def is_failure(self) -> bool:
        """Whether a suite failed; a peer that is not available is none."""
        return not self.reason and (self.code != 0 or self.failed > 0 or self.passed == 0)

    def line(self) -> str:
        """The line of the summary."""
        shown = f"{self.name} {self.version}".strip()
        if self.reason:
            return f"{shown}: not available: {self.reason}"
        suites = ", ".join(Path(suite).stem.removeprefix("test_") for suite in self.suites)
        lacking = f", {len(self.lacking)} lacking" if self.lacking else ""
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped{lacking}"
        return f"{shown}: {suites}: {counts}" + (f" (exit code {self.code})" if self.code else "")


def read(name: str, version: str, suites: Sequence[str], report: Path, code: int) -> Result:
    """The result that pytest reported as JUnit's XML."""
    if not report.exists():
        return Result(name, version, suites, failed=1, code=code)
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it, in this run
    failed = sum(any(one.tag in ("failure", "error") for one in case) for case in cases)
    skips = [(case, skip) for case in cases for skip in case.iter("skipped")]
    lacking = [pair for pair in skips if pair[1].get("type") == _XFAIL]
    return Result(
        name,
        version,
        suites,
        passed=len(cases) - failed - len(skips),
        failed=failed,
        skipped=len(skips) - len(lacking),
        lacking=[f"{case.get('name')}: {skip.get('message')}" for case, skip in lacking],
        code=code,
    )


def summary(results: Sequence[Result]) -> Iterator[str]:
    """The last lines of the run: what the peers lack, then a line for each peer."""
    for result in results:
        for one in result.lacking:
            yield f"{result.name} lacks: {one}"
    yield from (result.line() for result in results)
