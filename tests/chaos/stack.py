"""The real stack with a worker that crashes as planned, and restarts of crashed processes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2

from tests.chaos.deaths import Deaths
from tests.processes import ROOT
from tests.stack import RunningStack, running_services
from tests.timing import patience
from worker.local.processes.child import Child
from worker.local.stack import Stack, is_answering, services
from worker.local.supervisor import Service


@dataclass(frozen=True)
class DoomedStack:
    """A stack whose processes crash.

    Attributes:
        running: The stack.
        deaths: The planned crashes.
    """

    running: RunningStack
    deaths: Deaths

    @property
    def worker(self) -> Child:
        return self.running.process("doomed")

    @property
    def sidecar(self) -> Child:
        return self.running.process("server")

    def revive(self) -> None:
        """Restart crashed processes, as systemd or Kubernetes would."""
        for child in (self.worker, self.sidecar):
            if not child.is_running:
                child.start()
        self.deaths.announce_sidecar(self.sidecar.pid)

    def answers(self) -> bool:
        """Whether the sidecar responds."""
        try:
            url = f"{self.running.stack.api_url}/health/live"
            return httpx2.get(url, timeout=patience(2)).is_success
        except httpx2.HTTPError:
            return False


@contextmanager
def doomed_stack(place: Path, **environment: str) -> Iterator[DoomedStack]:
    def chosen(stack: Stack) -> list[Service]:
        sidecar, transcribe, *_ = services(stack, flower=False)
        argv = [sys.executable, "-m", "tests.chaos.doomed_worker", str(deaths.place)]
        worker = replace(
            transcribe,
            name="doomed",
            argv=argv,
            env={**stack.environment, "PYTHONPATH": str(ROOT)},
            ready=is_answering(stack, "doomed"),
        )
        return [sidecar, worker]

    deaths = Deaths(place / "deaths")
    deaths.plan({})
    with running_services(place / "data", chosen, RETRY_BACKOFF="0.1", **environment) as running:
        stack = DoomedStack(running, deaths)
        stack.revive()
        yield stack
