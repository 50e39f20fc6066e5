"""Health checks of the service and its dependencies."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic

from monitoring.single_flight import Result, SingleFlight

Details = Mapping[str, object]
"""Details found by a check, for verbose output."""

_TIMEOUT = 1.0
"""Seconds after which an unanswered check is down."""

_SLOW = 0.5
"""Seconds after which a check is degraded; equal to the API's latency objective."""

_CACHE_SECONDS = 1.0
"""Seconds for which a result is cached, so that clients cannot overload the stores."""


class HealthStatus(StrEnum):
    """The status of a check, from best to worst."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Check:
    """A health check.

    Attributes:
        name: Its name in the result.
        probe: Runs the check and returns details; raises if down.
        critical: Whether the service is down without it, rather than degraded.
    """

    name: str
    probe: Callable[[], Details]
    critical: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check.

    Attributes:
        condition: The status.
        seconds: The duration of the check.
        details: Further details.
    """

    condition: HealthStatus
    seconds: float
    details: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The results of all checks.

    Attributes:
        at: The time of the checks.
        checks: The results by name.
        critical: The names of critical checks.
    """

    at: datetime
    checks: Mapping[str, CheckResult]
    critical: frozenset[str]

    @property
    def condition(self) -> HealthStatus:
        """The status of the service as a whole."""
        if self.missing:
            return HealthStatus.DOWN
        if any(found.condition is not HealthStatus.OK for found in self.checks.values()):
            return HealthStatus.DEGRADED
        return HealthStatus.OK

    @property
    def missing(self) -> list[str]:
        """The critical checks that are down."""
        return [
            name
            for name, found in self.checks.items()
            if name in self.critical and found.condition is HealthStatus.DOWN
        ]


class Health:
    """Runs all checks concurrently, at most once per second.

    Args:
        checks: The checks.
    """

    def __init__(self, *checks: Check) -> None:
        self._checks = [(check, SingleFlight(check.probe)) for check in checks]
        self._critical = frozenset(check.name for check in checks if check.critical)
        self._lock = threading.Lock()
        self._last: tuple[float, HealthReport] | None = None
        self._started = monotonic()

    @property
    def uptime(self) -> float:
        """Seconds since this object was created."""
        return monotonic() - self._started

    def check(self) -> HealthReport:
        """Return the results, within about a second."""
        with self._lock:
            if self._last is None or monotonic() - self._last[0] > _CACHE_SECONDS:
                findings = self._check()
                # Measured from the end, so that requests waiting for slow checks reuse their
                # result.
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
