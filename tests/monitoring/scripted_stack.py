"""The real stack with one worker and scripted providers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.processes import ROOT
from tests.stack import RunningStack, running_services
from worker.local.stack import Stack, is_answering, services
from worker.local.supervisor import Service


@contextmanager
def scripted_stack(tmp_path: Path, **environment: str) -> Iterator[RunningStack]:
    """Run the sidecar and one worker with scripted providers."""

    notes = tmp_path / "notes"
    notes.mkdir()
    chosen = partial(scripted_services, notes)
    with running_services(
        tmp_path / "data", chosen, **{"RETRY_BACKOFF": "0.1", **environment}
    ) as running:
        yield running


def scripted_services(notes: Path, stack: Stack) -> list[Service]:
    """The sidecar and the worker, which records injected failures in a directory."""
    sidecar, transcribe, *_ = services(stack, flower=False)
    argv = [sys.executable, "-m", "tests.monitoring.scripted_worker", str(notes)]
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    ready = is_answering(stack, "all")
    return [
        sidecar,
        replace(transcribe, name="worker-all", argv=argv, env=environment, ready=ready),
    ]
