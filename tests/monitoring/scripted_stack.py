"""The real stack with scripted providers, on one host or several.

A host is a sidecar and a worker with a metrics directory of their own.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx2

from monitoring.metrics.directory import joined
from tests.monitoring.figures import Figures, scraped, totals
from tests.processes import ROOT
from tests.stack import RunningStack, running_services
from worker.cli.client import ApiClient
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port
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
    return [sidecar, _scripted(transcribe, notes, stack, "all", concurrency=2)]


@dataclass(frozen=True)
class Hosts:
    """Several hosts on the same servers.

    Attributes:
        running: The stack; its API is that of the first host.
        notes: The directory of the script, for `hold`.
        urls: The URL of each host's sidecar, by the host's name.
    """

    running: RunningStack
    notes: Path
    urls: dict[str, str]

    def sidecar(self, host: str) -> Child:
        return self.running.process(f"server-{host}")

    def worker(self, host: str) -> Child:
        return self.running.process(f"worker-{host}")

    def answers(self, host: str) -> bool:
        try:
            return httpx2.get(f"{self.urls[host]}/health/live", trust_env=False).is_success
        except httpx2.HTTPError:
            return False

    @contextmanager
    def apis(self) -> Iterator[list[ApiClient]]:
        """A client of each host's API."""
        settings = self.running.settings
        with ExitStack() as stack:
            yield [
                stack.enter_context(ApiClient(settings.with_environment({"API_URL": url})))
                for url in self.urls.values()
            ]

    def scraped(self) -> list[Figures]:
        """One scrape of each sidecar."""
        return [scraped(url) for url in self.urls.values()]

    def totals(self) -> Figures:
        """The figures of all hosts together."""
        return totals(self.scraped())


@contextmanager
def scripted_hosts(tmp_path: Path, *names: str, **environment: str) -> Iterator[Hosts]:
    """Run a sidecar and a scripted worker with one pool process for each host name."""
    notes = tmp_path / "notes"
    notes.mkdir()
    ports: dict[str, str] = {}

    def chosen(stack: Stack) -> list[Service]:
        ports.update({name: str(free_port()) for name in names})
        ports[names[0]] = stack.environment["API_PORT"]
        sidecar, transcribe, *_ = services(stack, flower=False)
        found = []
        for name in names:
            own = {
                **stack.environment,
                "API_PORT": ports[name],
                "MONGODB_METRICS_PORT": str(free_port()),
                "METRICS_DIR": str(tmp_path / f"metrics-{name}"),
            }
            worker = _scripted(transcribe, notes, stack, name, concurrency=1)
            found += [
                replace(sidecar, name=f"server-{name}", env=own),
                replace(worker, env={**worker.env, **own}),
            ]
        return found

    with ExitStack() as stack:
        for name in names:
            # A directory without members is emptied, so if all of a host's processes were dead at
            # the same time, its counters would start anew.
            stack.enter_context(joined(tmp_path / f"metrics-{name}"))
        running = stack.enter_context(
            running_services(tmp_path / "data", chosen, **{"RETRY_BACKOFF": "0.1", **environment})
        )
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        yield Hosts(running, notes, urls)


def _scripted(
    worker: Service, notes: Path, stack: Stack, name: str, *, concurrency: int
) -> Service:
    module = "tests.monitoring.scripted_worker"
    return replace(
        worker,
        name=f"worker-{name}",
        argv=[sys.executable, "-m", module, str(notes), name, str(concurrency)],
        env={**stack.environment, "PYTHONPATH": str(ROOT)},
        ready=is_answering(stack, name),
    )
