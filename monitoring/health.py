"""Whether the service can do its work, and what it depends on."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic

from monitoring.single_flight import Result, SingleFlight

Details = Mapping[str, object]
"""What a check found out, for those who ask for more than a word."""

_TIMEOUT = 1.0
"""Seconds after which what does not answer is down."""

_SLOW = 0.5
"""Seconds after which what answers is degraded: the objective for the API itself."""

_CACHE_SECONDS = 1.0
"""Seconds for which an answer is given again, so that nobody can have stores hammered."""


class HealthStatus(StrEnum):
    """How something is, from good to bad."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at.

    Attributes:
        name: What it is called in the answer.
        probe: Looks, and tells what it found; raises where it is down.
        critical: Whether the service is down without it, rather than degraded.
    """

    name: str
    probe: Callable[[], Details]
    critical: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How something was found.

    Attributes:
        condition: In a word.
        seconds: How long looking took.
        details: What else was found out.
    """

    condition: HealthStatus
    seconds: float
    details: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All checks at one moment.

    Attributes:
        at: When.
        checks: What was found, by the name of the check.
        critical: The names of those without which the service is down.
    """

    at: datetime
    checks: Mapping[str, CheckResult]
    critical: frozenset[str]

    @property
    def condition(self) -> HealthStatus:
        """The condition of the service as a whole."""
        if self.missing:
            return HealthStatus.DOWN
        if any(found.condition is not HealthStatus.OK for found in self.checks.values()):
            return HealthStatus.DEGRADED
        return HealthStatus.OK

    @property
    def missing(self) -> list[str]:
        """What is down and without which the service is."""
        return [
            name
            for name, found in self.checks.items()
            if name in self.critical and found.condition is HealthStatus.DOWN
        ]


class Health:
    """Looks at everything side by side, at most once a second.

    Args:
        checks: What to look at.
    """

    def __init__(self, *checks: Check) -> None:
        self._checks = [(check, SingleFlight(check.probe)) for check in checks]
        self._critical = frozenset(check.name for check in checks if check.critical)
        self._lock = threading.Lock()
        self._last: tuple[float, HealthReport] | None = None
        self._started = monotonic()

    @property
    def uptime(self) -> float:
        """Seconds since this was made."""
        return monotonic() - self._started

    def check(self) -> HealthReport:
        """Look, within about a second."""
        with self._lock:
            if self._last is None or monotonic() - self._last[0] > _CACHE_SECONDS:
                findings = self._check()
                # Counted from the end: those who waited for a slow look do not look again.
                self._last = monotonic(), findings
            return self._last[1]

    def _check(self) -> HealthReport:
        waits = [(check.name, timed.begin()) for check, timed in self._checks]
        deadline = monotonic() + _TIMEOUT
        found = {name: _result(wait(deadline)) for name, wait in waits}
        return HealthReport(datetime.now(UTC), found, self._critical)


def _result(answer: Result[Details]) -> CheckResult:
    if answer.error is not None or answer.value is None:
        return CheckResult(HealthStatus.DOWN, answer.seconds)
    slow = answer.seconds > _SLOW
    return CheckResult(
        HealthStatus.DEGRADED if slow else HealthStatus.OK, answer.seconds, answer.value
    )
