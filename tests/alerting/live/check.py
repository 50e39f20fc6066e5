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
from tests.alerting.live.watch import Told, watched
from tests.processes import wait_until

_WARM = 8.0
"""Seconds of good weather before a fault, so that there is something to compare with."""
_MORE = 5.0
"""Seconds in which more may arrive than was to."""


@dataclass(frozen=True)
class Outcome:
    """What was told of a fault."""

    fault: Fault
    arrived: dict[str, float]

    @property
    def missing(self) -> frozenset[str]:
        """What was to arrive, and did not."""
        return self.fault.expected - self.arrived.keys()

    @property
    def unexpected(self) -> frozenset[str]:
        """What arrived, and has nothing to do with it."""
        return frozenset(self.arrived) - self.fault.expected - self.fault.also

    @property
    def good(self) -> bool:
        """Whether all that was to arrive did, and nothing else."""
        return not self.missing and not self.unexpected


def tried(place: Place, fault: Fault, data: Path) -> Outcome:
    """Let something go wrong, with nothing remembered of what went wrong before."""
    with watched(place.running, data) as told, place.used():
        time.sleep(_WARM)
        early = told.alerts()
        began = time.monotonic()
        with fault.inject(place):
            _wait(told, fault)
        arrived = {name: (told.arrived(name) or began) - began for name in told.alerts()}
    # What was there before the fault is nothing that it brought.
    return Outcome(fault, arrived | dict.fromkeys(early, -1.0))


def _wait(told: Told, fault: Fault) -> None:
    if not fault.expected:
        time.sleep(fault.patience)
        return
    try:
        wait_until(lambda: fault.expected <= told.alerts(), fault.patience)
    except AssertionError:
        return
    time.sleep(_MORE)


def recovered(place: Place) -> None:
    """Wait until all is well again after a fault; what has ended is started, as it would be."""
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
    """Try all faults, or those whose names hold a word; prints what arrived.

    Returns:
        1 if anything was missed, or told without need.
    """
    out = Console()
    wanted = [one for one in FAULTS if not arguments or any(a in one.name for a in arguments)]
    outcomes = []
    with tempfile.TemporaryDirectory() as data, used_stack(Path(data)) as place:
        for number, fault in enumerate((HEALTHY, *wanted, HEALTHY)):
            outcomes.append(tried(place, fault, Path(data) / str(number)))
            found = outcomes[-1]
            out.print(f"{fault.name}: {', '.join(_short(found.arrived).split()) or 'nothing'}")
            if not found.good:
                out.print(f"  missing {set(found.missing)}, unexpected {set(found.unexpected)}")
            recovered(place)
    out.print(rendered(outcomes))
    return 0 if all(one.good for one in outcomes) else 1


def rendered(outcomes: Sequence[Outcome]) -> Table:
    """The outcomes as a table."""
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
