"""The local stack: embedded servers, workers, sidecar and Flower on one machine."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table

from tasks.interviews.interview import Stage
from tasks.pipeline.queues import REQUESTS
from tasks.pipeline.runner import task_name
from worker.celery_app.config import create_app
from worker.local.embedded.secret import webhook_secret
from worker.local.embedded.servers import KINDS, EmbeddedServers
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port
from worker.local.stack_file import published_addresses
from worker.local.supervisor import Service, Supervisor
from worker.settings import Settings
from worker.urls import mask_url

_PROGRAM = str(Path(sys.executable).with_name("interview-worker"))
_RELEASE_SECONDS = 10.0
"""Seconds beyond its grace period for a worker to release unfinished messages."""

_LONG_QUEUES = (task_name(Stage.TRANSCRIBE),)
_SHORT_QUEUES = (task_name(Stage.ANALYSE), task_name(Stage.SCHEDULE), REQUESTS)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running set of servers, and the settings with their addresses.

    Attributes:
        settings: The settings with all addresses filled in.
        environment: The same addresses as environment variables.
        servers: The processes of the embedded servers.
    """

    settings: Settings
    environment: Mapping[str, str]
    servers: list[Child]

    @property
    def log_dir(self) -> Path:
        """The directory of the processes' log files."""
        return self.settings.log_dir

    @property
    def api_url(self) -> str:
        """The URL of the API."""
        return _url(self.settings.api_host, self.settings.api_port)

    @property
    def flower_url(self) -> str:
        """The URL of Flower."""
        return _url(self.settings.flower_host, self.settings.flower_port)


@contextmanager
def open_stack(settings: Settings) -> Iterator[Stack]:
    """Run an embedded server for each server that has no URL in the settings.

    The service's processes get these settings as their environment; they override the inherited
    environment.

    Raises:
        AlreadyRunning: Another stack uses the data directory.
        MissingExtra: An embedded server is not installed.
    """
    wanted = {kind.name for kind in KINDS if getattr(settings, kind.setting.lower()) is None}
    embedded = EmbeddedServers(settings.data_dir, wanted)
    with embedded as addresses:
        environment = {
            **settings.environment(),
            **addresses,
            "API_PORT": str(settings.api_port or free_port()),
            "FLOWER_PORT": str(settings.flower_port or free_port()),
            "MONGODB_METRICS_PORT": str(settings.mongodb_metrics_port or free_port()),
        }
        if "CALDAV_URL" in addresses:
            # The embedded calendar server has no administrator: create calendars on first use.
            environment["CALDAV_CREATE_CALENDARS"] = "true"
        if "MONGODB_URL" in addresses and settings.webhook_secret is None:
            # Only for our own database: processes that share a database must share the secret too.
            environment["WEBHOOK_SECRET"] = webhook_secret(settings.data_dir)
        filled = settings.with_environment(environment)
        yield Stack(filled, environment, embedded.children)


def services(stack: Stack, *, flower: bool) -> list[Service]:
    """The services of a stack, in start order."""
    settings = stack.settings
    workers = [
        _worker(stack, "transcribe", _LONG_QUEUES, settings.transcribe_concurrency, flower),
        _worker(stack, "analyse", _SHORT_QUEUES, settings.analyse_concurrency, flower),
    ]
    sidecar = _service(stack, "server", [], f"{stack.api_url}/health/live")
    if not flower:
        return [sidecar, *workers]
    return [sidecar, *workers, _service(stack, "flower", [], f"{stack.flower_url}/healthcheck")]


def run_stack(settings: Settings, out: Console) -> None:
    """Run the stack until SIGINT or SIGTERM, then finish work in flight and stop.

    Raises:
        ProcessFailed: A process exited unexpectedly; all others have been stopped.
    """
    with open_stack(settings) as stack:
        supervisor = Supervisor(
            services(stack, flower=True),
            log_dir=stack.log_dir,
            drain_seconds=settings.shutdown_delay + settings.shutdown_grace + _RELEASE_SECONDS,
            watched=stack.servers,
        )
        with published_addresses(stack.settings, _addresses(stack, settings)):
            out.print("Starting …")
            supervisor.run(lambda: _announce(stack, out))
            out.print("Stopping: waiting for work in flight …")
    out.print("Stopped.")


def _addresses(stack: Stack, given: Settings) -> dict[str, str]:
    addresses = {"api": stack.api_url, "flower": stack.flower_url}
    if given.mongodb_url is None:
        # The embedded server has no password. A configured URL is not written to the file.
        addresses["mongodb"] = stack.environment["MONGODB_URL"]
    return addresses


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _worker(
    stack: Stack, name: str, queues: tuple[str, ...], concurrency: int, events: bool
) -> Service:
    return Service(
        name=f"worker-{name}",
        argv=[
            *(_PROGRAM, "worker", "--name", name, "--queues", ",".join(queues)),
            *("--concurrency", str(concurrency)),
            *(["--events"] if events else []),
        ],
        env=stack.environment,
        ready=is_answering(stack, name),
        drains=True,
    )


def is_answering(stack: Stack, name: str) -> Callable[[], bool]:
    """Make a function that checks whether the worker with a name responds to a ping."""
    app = create_app(stack.settings)
    return lambda: bool(app.control.ping(timeout=0.5, pattern=f"{name}@*", matcher="glob"))


def _service(stack: Stack, name: str, arguments: list[str], health: str) -> Service:
    def ready() -> bool:
        try:
            return httpx2.get(health, timeout=1.0, trust_env=False).is_success
        except httpx2.HTTPError:
            return False

    return Service(name, [_PROGRAM, name, *arguments], env=stack.environment, ready=ready)


def _announce(stack: Stack, out: Console) -> None:
    calendar = stack.settings.caldav_url
    addresses = Table(box=None, show_header=False)
    for name, address in (
        ("API", f"{stack.api_url}/docs"),
        ("Metrics", f"{stack.api_url}/metrics"),
        ("Flower", stack.flower_url),
        ("Calendar", mask_url(calendar.get_secret_value()) if calendar else "-"),
        ("Logs", str(stack.log_dir)),
    ):
        addresses.add_row(name, address)
    out.print("Interview Worker is up.", addresses, sep="\n")
    out.print("Try:  interview-worker submit FILE --type screening --no-analysis --wait")
    out.print("Ctrl-C finishes work in flight, then stops everything.")
