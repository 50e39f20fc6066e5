"""Service level objectives: multi-window, multi-burn-rate alerts.

Based on chapter 5 of Google's Site Reliability Workbook: an alert fires while the 30-day error
budget is being spent too fast. Both windows weight by requests (all errors over all requests), so
an idle hour has no weight and does not cause a division by zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from monitoring.stack.prometheus.rules import Alert, Group, Priority, Recording
from monitoring.stack.thresholds import Severity

SOURCE = Path(__file__).with_name("objectives.yml")

PERIOD = "30d"
"""The period of an error budget."""


@dataclass(frozen=True, slots=True)
class Burn:
    """A burn rate, its threshold and severity.

    Attributes:
        long: The window that triggers the alert.
        short: The window that resolves it soon after recovery.
        factor: The burn rate; 1 spends the budget in exactly thirty days.
        for_: How long the condition must hold.
        share: The share of the budget spent by then.
    """

    long: str
    short: str
    factor: float
    for_: str
    share: str
    severity: Severity
    priority: Priority


BURNS = (
    Burn("1h", "5m", 14.4, "2m", "2 %", Severity.CRITICAL, Priority.P1),
    Burn("6h", "30m", 6, "15m", "5 %", Severity.CRITICAL, Priority.P1),
    Burn("1d", "2h", 3, "1h", "10 %", Severity.WARNING, Priority.P2),
    Burn("3d", "6h", 1, "3h", "10 %", Severity.WARNING, Priority.P2),
)

WINDOWS = tuple(dict.fromkeys(w for burn in BURNS for w in (burn.short, burn.long)))


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective.

    Attributes:
        name: Its name.
        share: The target share of good events.
        errors: The query that counts bad events, with a placeholder for the window.
        total: The query that counts all events.
        alert: The name of its alerts.
        summary: The summary of its alerts.
    """

    name: str
    share: float
    errors: str
    total: str
    alert: str
    summary: str

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.share, 6)

    def ratio(self, window: str) -> str:
        """The share of bad events within a window; empty if there were no events.

        Without errors there may be no series of errors, so the query falls back to 0 times the
        total.
        """
        errors, total = (one.replace("{{.window}}", window) for one in (self.errors, self.total))
        return f"(({errors}) or 0 * ({total})) / (({total}) > 0)"


def recorded(window: str) -> str:
    """The name of the recorded error ratio."""
    return f"slo:sli_error:ratio_rate{window}"


def read() -> tuple[Objective, ...]:
    """Read the objectives from the file."""
    content = yaml.safe_load(SOURCE.read_text())
    return tuple(_objective(one) for one in content["slos"])


def groups() -> Iterator[Group]:
    """The rules of all objectives."""
    for objective in read():
        labels = {"job": "interview-worker", "slo": objective.name}
        yield Group(
            f"interview-worker-slo-{objective.name}",
            (
                *(
                    Recording(recorded(window), objective.ratio(window), labels)
                    for window in (*WINDOWS, PERIOD)
                ),
                Recording("slo:objective:ratio", f"vector({objective.share:g})", labels),
                Recording(
                    "slo:error_budget_remaining:ratio",
                    f'1 - {recorded(PERIOD)}{{slo="{objective.name}"}} / {objective.budget:g}',
                    labels,
                ),
                *(_alert(objective, burn) for burn in BURNS),
            ),
        )


def _alert(objective: Objective, burn: Burn) -> Alert:
    burning = f"{burn.factor * objective.budget:g}"
    selector = f'{{slo="{objective.name}"}}'
    return Alert(
        objective.alert,
        f"{recorded(burn.long)}{selector} > {burning} "
        f"and {recorded(burn.short)}{selector} > {burning}",
        burn.for_,
        burn.severity,
        burn.priority,
        objective.summary,
        f"{{{{ $value | humanizePercentage }}}} were bad within {burn.long}: {burn.share} of the "
        f"30-day error budget, {burn.factor:g} times the sustainable rate.",
        labels={"window": burn.long},
    )


def _objective(one: dict[str, Any]) -> Objective:
    events, alerting = one["sli"]["events"], one["alerting"]
    return Objective(
        name=one["name"],
        share=round(one["objective"] / 100, 6),
        errors=events["error_query"],
        total=events["total_query"],
        alert=alerting["name"],
        summary=alerting["annotations"]["summary"],
    )
