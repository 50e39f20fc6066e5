"""`make alerts-check`: inject faults into a real stack and record who is notified."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import httpx2
from rich.console import Console

from tasks.errors import InterviewWorkerError
from tests.alerting.live.faults import FAULTS, Fault
from tests.alerting.live.report import Outcome, by_alert, by_fault, line
from tests.alerting.live.stack import Place, used_stack
from tests.alerting.live.watch import Watch, watched
from tests.processes import ROOT
from tests.timing import allowed

_PLACE = ROOT / "build" / "alerts-check"
"""The directory of the log files, which stay until the next run."""
_WARM = 8.0
"""Seconds of normal operation before a fault, as a baseline for the rates."""
_MORE = 5.0
"""Seconds to wait for unexpected alerts after all expected ones have arrived."""
_RESOLVES = 150.0
"""Seconds within which all alerts must end after a fault: the longest window takes two minutes."""
_FAILURES = (AssertionError, InterviewWorkerError, OSError, httpx2.HTTPError)


def run_fault(place: Place, fault: Fault, data: Path) -> Outcome:
    """Inject a fault, with a new Prometheus and Alertmanager."""
    reason = fault.impossible(place)
    if reason:
        return Outcome(fault, impossible=reason)
    used = [place.hosts[index] for index in fault.used]
    with fault.before(place), watched(place, data) as watch, place.used(used):
        time.sleep(_WARM)
        early = watch.alerts()
        began = time.monotonic()
        with fault.inject(place):
            _wait(watch, fault)
        ended = time.monotonic()
        _holds(lambda: not watch.firing(), _RESOLVES)
        left = watch.firing()
        resolved = time.monotonic() - ended
        arrived = {name: (watch.arrived(name) or began) - began for name in watch.alerts()}
    # Alerts that fired before the fault count as unexpected.
    return Outcome(fault, arrived | dict.fromkeys(early, -1.0), frozenset(left), resolved)


def _wait(watch: Watch, fault: Fault) -> None:
    """Wait until all expected alerts have arrived, or for as long as the fault lasts."""
    until = time.monotonic() + fault.lasts
    if fault.expected and _holds(lambda: fault.expected <= watch.alerts(), fault.patience):
        time.sleep(_MORE)
    time.sleep(max(0.0, until - time.monotonic()))


def _holds(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; returns whether it holds."""
    deadline = time.monotonic() + allowed(seconds)
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def run_stack(broker: str, faults: Sequence[Fault], data: Path, out: Console) -> list[Outcome]:
    """Inject faults one after another into a stack with one kind of broker.

    If the stack cannot be started, or does not recover from a fault, all further faults fail.
    """
    outcomes = list[Outcome]()
    try:
        with used_stack(data / "stack", broker) as place:
            place.recover()
            for fault in faults:
                outcomes.append(_tried(place, fault, data / fault.name))
                out.print(line(outcomes[-1]))
                place.recover()
    except _FAILURES as error:
        left = faults[len(outcomes) :]
        out.print(f"The stack is lost: {error}")
        outcomes += [Outcome(fault, error=f"no stack: {error}") for fault in left]
    return outcomes


def _tried(place: Place, fault: Fault, data: Path) -> Outcome:
    try:
        return run_fault(place, fault, data)
    except _FAILURES as error:
        return Outcome(fault, error=f"{type(error).__name__}: {error}")


def main(arguments: Sequence[str]) -> int:
    """Inject faults, and print the alerts that arrived.

    Args:
        arguments: Parts of the names of faults; all faults if empty.

    Returns:
        1 if an alert was missing or unexpected, or did not resolve; else 0.
    """
    out = Console(soft_wrap=True)
    wanted = [one for one in FAULTS if not arguments or any(a in one.name for a in arguments)]
    if not wanted:
        out.print(f"No fault has this name: {', '.join(one.name for one in FAULTS)}")
        return 2
    began, outcomes = time.monotonic(), list[Outcome]()
    shutil.rmtree(_PLACE, ignore_errors=True)
    for broker, faults in groupby(wanted, lambda fault: fault.broker):
        outcomes += run_stack(broker, list(faults), _PLACE / broker, out)
    out.print(by_fault(outcomes))
    if not arguments:
        out.print(by_alert(outcomes))
    good = sum(one.good for one in outcomes)
    minutes = (time.monotonic() - began) / 60
    out.print(f"{good} of {len(outcomes)} faults are as they should be; {minutes:.0f} minutes.")
    return 0 if good == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
