"""`make alerts-check`: inject faults into a real stack and record who is notified."""

import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tasks.errors import InterviewWorkerError
from tests.alerting.live.faults import FAULTS, HEALTHY, Fault
from tests.alerting.live.stack import Place, used_stack
from tests.alerting.live.watch import Notifications, watched
from tests.processes import wait_until

_WARM = 8.0
"""Seconds of normal operation before a fault, as a baseline for the rates."""
_MORE = 5.0
"""Seconds to wait for unexpected alerts after all expected ones have arrived."""


@dataclass(frozen=True)
class Outcome:
    """The notifications during a fault.

    Attributes:
        fault: The fault.
        arrived: Seconds from the fault to the first notification, by alert; -1 for an alert that
            fired before the fault.
    """

    fault: Fault
    arrived: dict[str, float]

    @property
    def missing(self) -> frozenset[str]:
        """Expected alerts that did not arrive."""
        return self.fault.expected - self.arrived.keys()

    @property
    def unexpected(self) -> frozenset[str]:
        """Alerts that arrived but are neither expected nor allowed."""
        return frozenset(self.arrived) - self.fault.expected - self.fault.also

    @property
    def good(self) -> bool:
        """Whether all expected alerts arrived, and no unexpected one."""
        return not self.missing and not self.unexpected


def run_fault(place: Place, fault: Fault, data: Path) -> Outcome:
    """Inject a fault, with a new Prometheus and Alertmanager."""
    with watched(place.running, data) as notifications, place.used():
        time.sleep(_WARM)
        early = notifications.alerts()
        began = time.monotonic()
        with fault.inject(place):
            _wait(notifications, fault)
        arrived = {
            name: (notifications.arrived(name) or began) - began for name in notifications.alerts()
        }
    # Alerts that fired before the fault count as unexpected.
    return Outcome(fault, arrived | dict.fromkeys(early, -1.0))


def _wait(notifications: Notifications, fault: Fault) -> None:
    if not fault.expected:
        time.sleep(fault.patience)
        return
    try:
        wait_until(lambda: fault.expected <= notifications.alerts(), fault.patience)
    except AssertionError:
        return
    time.sleep(_MORE)


def recovered(place: Place) -> None:
    """Restart processes that have exited, and wait until the service works again."""
    for name in ("server", "worker-all"):
        child = place.running.process(name)
        if not child.is_running:
            child.start()
    wait_until(lambda: _works(place), 120)


def _works(place: Place) -> bool:
    try:
        one = place.submit("go", int(time.monotonic() * 1000))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if place.running.api.get(one).status.final:
                return True
            time.sleep(0.2)
    except InterviewWorkerError:
        time.sleep(0.5)
    return False


def main(arguments: Sequence[str]) -> int:
    """Inject faults, and print the alerts that arrived.

    Args:
        arguments: Parts of the names of faults; all faults if empty.

    Returns:
        1 if an alert was missing or unexpected, else 0.
    """
    out = Console()
    wanted = [one for one in FAULTS if not arguments or any(a in one.name for a in arguments)]
    outcomes = []
    with tempfile.TemporaryDirectory() as data, used_stack(Path(data)) as place:
        for number, fault in enumerate((HEALTHY, *wanted, HEALTHY)):
            outcomes.append(run_fault(place, fault, Path(data) / str(number)))
            found = outcomes[-1]
            out.print(f"{fault.name}: {', '.join(_short(found.arrived).split()) or 'nothing'}")
            if not found.good:
                out.print(f"  missing {set(found.missing)}, unexpected {set(found.unexpected)}")
            recovered(place)
    out.print(rendered(outcomes))
    return 0 if all(one.good for one in outcomes) else 1


def rendered(outcomes: Sequence[Outcome]) -> Table:
    """A table of the outcomes."""
    table = Table("fault", "expected", "arrived, after seconds", "missing", "unexpected", box=None)
    for one in outcomes:
        table.add_row(
            one.fault.name,
            _short(one.fault.expected),
            "\n".join(f"{_short([name])} {one.arrived[name]:.0f}" for name in sorted(one.arrived)),
            _short(one.missing),
            _short(one.unexpected),
        )
    return table


def _short(names: Iterable[str]) -> str:
    return "\n".join(name.removeprefix("InterviewWorker") for name in sorted(names))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
