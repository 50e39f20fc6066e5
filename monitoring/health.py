"""Whether the service can do its work, and what it depends on."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic

from monitoring.single_flight import Answer, Timed

Details = Mapping[str, object]
"""What a check found out, for those who ask for more than a word."""

_TIMEOUT = 1.0
"""Seconds after which what does not answer is down."""

_SLOW = 0.5
"""Seconds after which what answers is degraded: the objective for the API itself."""

_LASTS = 1.0
"""Seconds for which an answer is given again, so that nobody can have stores hammered."""


class Condition(StrEnum):
    """How something is, from good to bad."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at.

    Attributes:
        name: What it is called in the answer.
        ask: Looks, and tells what it found; raises where it is down.
        vital: Whether the service is down without it, rather than degraded.
    """

    name: str
    ask: Callable[[], Details]
    vital: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """How something was found.

    Attributes:
        condition: In a word.
        seconds: How long looking took.
        details: What else was found out.
    """

    condition: Condition
    seconds: float
    details: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Findings:
    """All checks at one moment.

    Attributes:
        at: When.
        checks: What was found, by the name of the check.
        vital: The names of those without which the service is down.
    """

    at: datetime
    checks: Mapping[str, Finding]
    vital: frozenset[str]

    @property
    def condition(self) -> Condition:
        """The condition of the service as a whole."""
        if self.missing:
            return Condition.DOWN
        if any(found.condition is not Condition.OK for found in self.checks.values()):
            return Condition.DEGRADED
        return Condition.OK

    @property
    def missing(self) -> list[str]:
        """What is down and without which the service is."""
        return [
            name
            for name, found in self.checks.items()
            if name in self.vital and found.condition is Condition.DOWN
        ]


class Health:
    """Looks at everything side by side, at most once a second.

    Args:
        checks: What to look at.
    """

    def __init__(self, *checks: Check) -> None:
        self._checks = [(check, Timed(check.ask)) for check in checks]
        self._vital = frozenset(check.name for check in checks if check.vital)
        self._lock = threading.Lock()
        self._last: tuple[float, Findings] | None = None
        self._started = monotonic()

    @property
    def uptime(self) -> float:
        """Seconds since this was made."""
        return monotonic() - self._started

    def look(self) -> Findings:
        """Look, within about a second."""
        with self._lock:
            if self._last is None or monotonic() - self._last[0] > _LASTS:
                findings = self._look()
                # Counted from the end: those who waited for a slow look do not look again.
                self._last = monotonic(), findings
            return self._last[1]

    def _look(self) -> Findings:
        waits = [(check.name, timed.begin()) for check, timed in self._checks]
        deadline = monotonic() + _TIMEOUT
        found = {name: _finding(wait(deadline)) for name, wait in waits}
        return Findings(datetime.now(UTC), found, self._vital)


def _finding(answer: Answer[Details]) -> Finding:
    if answer.error is not None or answer.value is None:
        return Finding(Condition.DOWN, answer.seconds)
    slow = answer.seconds > _SLOW
    return Finding(Condition.DEGRADED if slow else Condition.OK, answer.seconds, answer.value)
