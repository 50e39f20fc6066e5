"""The real service on two hosts, under constant load.

The hosts are directories of one machine: each has a sidecar, a worker and a metrics directory of
its own, and they share the broker, the database, Kafka and the calendar.
"""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx2
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from monitoring import metrics
from tasks.errors import InterviewWorkerError
from tasks.interviews.interview import ACTIVE
from tests.alerting.live.proxy import Proxy, certified_proxy
from tests.alerting.live.worker import BILLED, HELD
from tests.clips import noise
from tests.monitoring.figures import scraped
from tests.monitoring.rabbitmq import rabbitmq_server
from tests.processes import ROOT
from tests.stack import RunningStack, running_services
from tests.timing import allowed, patience, wait_until
from worker.adapters.mongo import Mongo
from worker.cli.client import ApiClient
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port
from worker.local.stack import Stack, is_answering, services
from worker.local.supervisor import Service

VALKEY, RABBITMQ = "valkey", "rabbitmq"
"""The brokers that can be watched."""

_HOSTS = ("a", "b")
_SUBMISSIONS = 3.0
"""Seconds between two submissions to a host."""
_READS = 1.0
"""Seconds between two requests of one of its two readers."""
_STOP_SECONDS = 15
_SMALL = 64 << 20
"""The size in bytes of the disk of the last host's metrics; a host needs a tenth of it."""

_ENVIRONMENT = {
    "RETRY_BACKOFF": "0.1",
    "CIRCUIT_SECONDS": "2",
    "LEASE_SECONDS": "3",
    "ANALYSIS_PROVIDERS": f"{BILLED},local",
    "OPENAI_API_KEY": "none",
    "DAILY_BUDGET": f"{BILLED}=1000",
    "MASK_PERSONAL_DATA": "false",
}


@dataclass(frozen=True)
class Host:
    """A host.

    Attributes:
        services: How its sidecar and its worker are started.
        sidecar: The process of the sidecar.
        worker: The process of the worker.
        url: The URL of the API.
        mongodb_port: The port of the MongoDB metrics.
        metrics: The metrics directory.
        disk: The mount point of the metrics directory's own disk; None if it has none.
    """

    services: tuple[Service, Service]
    sidecar: Child
    worker: Child
    url: str
    mongodb_port: int
    metrics: Path
    disk: Path | None

    @property
    def processes(self) -> tuple[Child, Child]:
        """The sidecar and the worker."""
        return self.sidecar, self.worker

    def start(self) -> None:
        """Start the processes that do not run, and wait until they answer."""
        start_all([self])

    def stop(self) -> None:
        """Stop both processes in an orderly way."""
        stop_all(self.processes, _STOP_SECONDS)

    def kill(self) -> None:
        """Kill both processes, as a power failure does."""
        for child in self.processes:
            child.kill()

    @contextmanager
    def changed(
        self, log_dir: Path, environment: Mapping[str, str], *, with_worker: bool = True
    ) -> Iterator[None]:
        """Run the processes with another environment for the duration of the context.

        Args:
            log_dir: The directory of their log files.
            environment: The variables that differ.
            with_worker: Whether the worker changes too, or goes on.
        """
        chosen = self.services if with_worker else self.services[:1]
        others = [
            Child(one.name, one.argv, env={**one.env, **environment}, log=log_dir / one.name)
            for one in chosen
        ]
        stop_all(self.processes[: len(chosen)], _STOP_SECONDS)
        try:
            for child in others:
                child.start()
            self.wait(others)
            yield
        finally:
            stop_all(others, _STOP_SECONDS)
            self.start()

    def wait(self, children: Sequence[Child]) -> None:
        """Wait until a sidecar, and a worker if there is one, answer."""
        for child, service in zip(children, self.services, strict=False):
            child.wait_until(service.ready, patience(60))

    @property
    def duties(self) -> set[str]:
        """The duties that its sidecar leads; none if it does not answer."""
        try:
            found = scraped(self.url).by_labels(metrics.LEADER)
        except httpx2.HTTPError:
            return set()
        return {duty for (duty,), leads in found.items() if leads}


def start_all(hosts: Sequence[Host]) -> None:
    """Start the processes of hosts that do not run, and wait until they answer."""
    for host in hosts:
        for child in host.processes:
            if not child.is_running:
                child.start()
    for host in hosts:
        host.wait(host.processes)


@dataclass(frozen=True)
class Place:
    """The stack, and its files.

    Attributes:
        running: The stack.
        hosts: The two hosts.
        broker: The process of the broker.
        proxy: The proxy before the APIs.
        notes: The directory of recordings and of the files that script the workers.
        clip: The recording that all interviews share.
    """

    running: RunningStack
    hosts: tuple[Host, ...]
    broker: Child
    proxy: Proxy
    notes: Path
    clip: Path

    def submit(self, what: str, number: int, host: Host | None = None) -> str:
        """Submit an interview with a scripted outcome; see `tests.alerting.live.worker`."""
        recording = self.notes / f"{what}-{number}.wav"
        with contextlib.suppress(FileExistsError):
            recording.hardlink_to(self.clip)
        submission = {
            "type": "technical",
            "candidate": {"name": "A", "email": f"a{number % 7}@example.com"},
            "interviewers": [{"name": "B", "email": f"b{number % 5}@example.com"}],
            "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
        }
        with self._api(host or self.hosts[number % len(self.hosts)]) as api:
            return str(api.submit(recording, submission).id)

    def _api(self, host: Host) -> ApiClient:
        return ApiClient(self.running.settings.with_environment({"API_URL": host.url}))

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Have a file that scripts the workers for the duration of the context."""
        file = self.notes / name
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Block the transcriptions `hang` and `hog` for the duration of the context."""
        return self.noted(HELD)

    @contextmanager
    def used(self, hosts: Sequence[Host]) -> Iterator[None]:
        """Send requests to hosts continuously, ignoring failures, while the context is active."""
        stop = threading.Event()
        threads = [
            threading.Thread(target=use, args=(host, stop))
            for host in hosts
            for use in (self._submit_all, _read_all, _read_all)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _submit_all(self, host: Host, stop: threading.Event) -> None:
        number = 0
        while not stop.wait(_SUBMISSIONS):
            number += 1
            with contextlib.suppress(InterviewWorkerError):
                self.submit("go", number, host)

    def leader_of(self, duty: str) -> Host:
        """Wait until a host leads a duty."""
        wait_until(lambda: any(duty in host.duties for host in self.hosts), 30)
        return next(host for host in self.hosts if duty in host.duties)

    def recover(self) -> None:
        """Start what does not run, and wait until the service works and nothing is left to do."""
        for child in (self.broker, *self.running.stack.servers):
            if not child.is_running:
                child.start()
        start_all(self.hosts)
        for host in self.hosts:
            wait_until(lambda host=host: self._works(host), 60)  # type: ignore[misc]
        wait_until(self._is_idle, 60, interval=0.5)

    def _works(self, host: Host) -> bool:
        try:
            one = self.submit("go", int(time.monotonic() * 1000), host)
            deadline = time.monotonic() + allowed(20)
            with self._api(host) as api:
                while time.monotonic() < deadline:
                    if api.get(one).status.final:
                        return True
                    time.sleep(0.2)
        except InterviewWorkerError:
            time.sleep(0.5)
        return False

    def _is_idle(self) -> bool:
        with self.database() as mongo:
            active = {"status": {"$in": sorted(ACTIVE)}}
            if mongo.database["interviews"].count_documents(active):
                return False
        ages = [scraped(host.url).value(metrics.EVENTS_OLDEST_AGE) for host in self.hosts]
        return set(ages) == {0}

    @contextmanager
    def database(self) -> Iterator[Mongo]:
        """Connect to the database for the duration of the context."""
        url = self.running.settings.mongodb_url
        assert url is not None
        with contextlib.closing(Mongo(url.get_secret_value())) as mongo:
            yield mongo


@contextmanager
def used_stack(place: Path, broker: str) -> Iterator[Place]:
    """Run two hosts on embedded servers.

    Args:
        place: The directory of all files.
        broker: The kind of broker, `VALKEY` or `RABBITMQ`.
    """
    notes = place / "notes"
    notes.mkdir(parents=True)
    with ExitStack() as stack:
        environment = dict(_ENVIRONMENT)
        rabbitmq: Child | None = None
        if broker == RABBITMQ:
            (place / "rabbitmq").mkdir()
            rabbitmq, url = stack.enter_context(rabbitmq_server(place / "rabbitmq"))
            environment["REDIS_URL"] = url
        disk = stack.enter_context(_small_disk(place / "disk"))
        plans = [
            _Plan(name, notes, place / "metrics" / name, disk if name == _HOSTS[-1] else None)
            for name in _HOSTS
        ]
        running = stack.enter_context(
            running_services(place / "data", partial(_services, plans), **environment)
        )
        hosts = tuple(plan.host(running) for plan in plans)
        proxy = stack.enter_context(certified_proxy(place, [host.url for host in hosts]))
        child = rabbitmq or running.process(VALKEY)
        yield Place(running, hosts, child, proxy, notes, noise(place / "clip.wav"))


@dataclass
class _Plan:
    """A host that does not run yet."""

    name: str
    notes: Path
    directory: Path
    disk: Path | None

    def __post_init__(self) -> None:
        self.api_port, self.mongodb_port = free_port(), free_port()
        self.metrics = self.disk / "metrics" if self.disk else self.directory
        self.found: tuple[Service, Service] | None = None

    def services(self, stack: Stack) -> tuple[Service, Service]:
        sidecar, worker, *_ = services(stack, flower=False)
        own = {
            **stack.environment,
            "API_PORT": str(self.api_port),
            "MONGODB_METRICS_PORT": str(self.mongodb_port),
            "METRICS_DIR": str(self.metrics),
            "PYTHONPATH": str(ROOT),
        }
        name = f"all-{self.name}"
        argv = [sys.executable, "-m", "tests.alerting.live.worker", str(self.notes), name]
        answers = _calmly(is_answering(stack, name))
        self.found = (
            replace(sidecar, name=f"server-{self.name}", env=own, ready=lambda: _lives(self.url)),
            replace(worker, name=f"worker-{name}", argv=argv, env=own, ready=answers),
        )
        return self.found

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def host(self, running: RunningStack) -> Host:
        assert self.found is not None
        sidecar, worker = self.found
        return Host(
            self.found,
            running.process(sidecar.name),
            running.process(worker.name),
            self.url,
            self.mongodb_port,
            self.metrics,
            self.disk,
        )


def _services(plans: Sequence[_Plan], stack: Stack) -> list[Service]:
    return [service for plan in plans for service in plan.services(stack)]


def _read_all(host: Host, stop: threading.Event) -> None:
    with httpx2.Client(trust_env=False, timeout=10) as client:
        while not stop.wait(_READS):
            with contextlib.suppress(httpx2.HTTPError):
                client.get(f"{host.url}/api/v1/interviews?limit=5")


def _calmly(ready: Callable[[], bool]) -> Callable[[], bool]:
    """A worker does not answer while the broker is down."""

    def check() -> bool:
        try:
            return ready()
        except (OperationalError, RedisError, OSError):
            return False

    return check


def _lives(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/live", timeout=1, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


@contextmanager
def _small_disk(place: Path) -> Iterator[Path | None]:
    """Mount a small disk; yields None where mounting is not allowed."""
    image = place.with_suffix(".img")
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(_SMALL)
    # node_exporter's alert ignores tmpfs.
    for command in (["mkfs.ext4", "-q", "-m", "0"], ["mount", "-o", "loop"]):
        target = [str(place)] if command[0] == "mount" else []
        done = subprocess.run([*command, str(image), *target], capture_output=True, check=False)
        if done.returncode != 0:
            yield None
            return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
