"""The report of `make alerts-check`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from monitoring.stack.prometheus.files import all_alerts
from tests.alerting.live.faults import NOT_HERE, Fault, short


@dataclass(frozen=True)
class Outcome:
    """The notifications during a fault.

    Attributes:
        fault: The fault.
        arrived: Seconds from the fault to the first notification, by alert; -1 for an alert that
            fired before the fault.
        left: Alerts that still fired when the wait for their end was over.
        resolved: Seconds from the end of the fault to the end of all alerts.
        impossible: Why it could not be injected here; empty if it was.
        error: What went wrong in the check itself; empty if nothing did.
    """

    fault: Fault
    arrived: Mapping[str, float] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    resolved: float = 0
    impossible: str = ""
    error: str = ""

    @property
    def missing(self) -> frozenset[str]:
        """Expected alerts that did not arrive."""
        return frozenset() if self.impossible else self.fault.expected - self.arrived.keys()

    @property
    def unexpected(self) -> frozenset[str]:
        """Alerts that arrived but are neither expected nor allowed."""
        foreign = self.arrived.keys() - self.fault.expected - self.fault.also
        return frozenset(foreign | {name for name, after in self.arrived.items() if after < 0})

    @property
    def good(self) -> bool:
        """Whether all expected alerts arrived and ended, and no unexpected one arrived."""
        return not (self.missing or self.unexpected or self.left or self.error)


def line(outcome: Outcome) -> str:
    """One line about an outcome."""
    parts = [
        f"{'ok  ' if outcome.good else 'BAD '} {outcome.fault.name}:",
        ", ".join(_moments(outcome)) or "nothing",
        *(
            f"{what}: {', '.join(_names(names))}"
            for what, names in (
                ("MISSING", outcome.missing),
                ("UNEXPECTED", outcome.unexpected),
                ("UNRESOLVED", outcome.left),
            )
            if names
        ),
        *([f"not here: {outcome.impossible}"] if outcome.impossible else []),
        *([f"ERROR: {outcome.error}"] if outcome.error else []),
    ]
    return " ".join(parts)


def by_fault(outcomes: Sequence[Outcome]) -> Table:
    """A table of the faults."""
    table = Table("fault", "expected", "arrived, after s", "ended, after s", "wrong", box=None)
    for one in outcomes:
        wrong = [
            *(f"missing {name}" for name in _names(one.missing)),
            *(f"unexpected {name}" for name in _names(one.unexpected)),
            *(f"unresolved {name}" for name in _names(one.left)),
            *([one.error] if one.error else []),
        ]
        table.add_row(
            one.fault.name,
            "\n".join(_names(one.fault.expected)) or "nothing",
            one.impossible or "\n".join(_moments(one)) or "nothing",
            f"{one.resolved:.0f}" if one.arrived else "",
            "\n".join(wrong),
        )
    return table


def by_alert(outcomes: Sequence[Outcome]) -> Table:
    """A table of all alerts of the rules, with the faults that provoked them."""
    table = Table("alert", "provoked by", box=None)
    for name in dict.fromkeys(alert.name for alert in all_alerts()):
        faults = [one.fault.name for one in outcomes if name in one.arrived.keys() - one.unexpected]
        impossible = [one.impossible for one in outcomes if name in one.fault.expected]
        reason = NOT_HERE.get(name) or ", ".join(filter(None, impossible)) or "NOTHING"
        table.add_row(short(name), ", ".join(faults) or f"not here: {reason}")
    return table


def _moments(outcome: Outcome) -> list[str]:
    return [f"{short(name)} {outcome.arrived[name]:.0f}" for name in sorted(outcome.arrived)]


def _names(names: Iterable[str]) -> list[str]:
    return sorted(map(short, names))
