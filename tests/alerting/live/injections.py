"""Ways to break the service, each for the duration of a context."""

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from kafka import KafkaProducer
from redis import Redis

from monitoring import metrics
from tasks.clock import now
from tasks.errors import InterviewWorkerError
from tests.alerting.live.stack import Host, Place, start_all
from tests.alerting.live.worker import BILLED, UNLISTED
from tests.monitoring.figures import scraped
from tests.processes import frozen
from tests.timing import wait_until
from worker.adapters.kafka.connection import connect
from worker.adapters.mongo import MongoLease, MongoLedger
from worker.celery_app.config import create_app
from worker.local.processes.child import Child, stop_all

Injection = Callable[[Place], AbstractContextManager[None]]

DUTY = "retention"
"""The duty whose lease is taken: that of a leader which does nothing, for ever."""

_LAG = 2000
"""Records of the backlog in Kafka."""
_SKEW = 2
"""Seconds between the clocks of the two hosts: a minute in production, and less than a lease."""
_HUNG = 6
"""Interviews that hang: more than the workers process at once."""


@contextmanager
def nothing(place: Place) -> Iterator[None]:
    """Break nothing."""
    del place
    yield


def all_of(*injections: Injection) -> Injection:
    """Inject several faults at once."""

    @contextmanager
    def inject(place: Place) -> Iterator[None]:
        with ExitStack() as stack:
            for one in injections:
                stack.enter_context(one(place))
            yield

    return inject


def server_stopped(name: str) -> Injection:
    """Kill an embedded server."""

    @contextmanager
    def inject(place: Place) -> Iterator[None]:
        with _killed([place.running.process(name)]):
            yield

    return inject


@contextmanager
def broker_stopped(place: Place) -> Iterator[None]:
    """Kill the broker."""
    with _killed([place.broker]):
        yield


@contextmanager
def leading_host_down(place: Place) -> Iterator[None]:
    """Kill all processes of one host, which leads a duty."""
    host = place.leader_of("reconciler")
    host.kill()
    try:
        yield
    finally:
        host.start()


@contextmanager
def sidecars_killed(place: Place) -> Iterator[None]:
    """Kill the sidecars of all hosts."""
    with _killed([host.sidecar for host in place.hosts]):
        yield


@contextmanager
def worker_killed(place: Place) -> Iterator[None]:
    """Kill the worker of one host."""
    with _killed([place.hosts[-1].worker]):
        yield


@contextmanager
def workers_killed(place: Place) -> Iterator[None]:
    """Kill the workers of all hosts."""
    with _killed([host.worker for host in place.hosts]):
        yield


@contextmanager
def _killed(children: Sequence[Child]) -> Iterator[None]:
    for child in children:
        child.kill()
    try:
        yield
    finally:
        for child in children:
            child.start()


@contextmanager
def born_again(place: Place) -> Iterator[None]:
    """Replace all processes by new ones, none of whose series has had an event."""
    stop_all([child for host in place.hosts for child in host.processes], 15)
    for host in place.hosts:
        for file in host.metrics.iterdir():
            file.unlink()
    start_all(place.hosts)
    yield


def submitted(what: str, pace: float) -> Injection:
    """Submit interviews with a scripted problem, one every `pace` seconds."""

    @contextmanager
    def inject(place: Place) -> Iterator[None]:
        stop = threading.Event()

        def submit() -> None:
            number = 0
            while not stop.wait(pace):
                number += 1
                with contextlib.suppress(InterviewWorkerError):
                    place.submit(what, number)

        thread = threading.Thread(target=submit)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    return inject


def some(what: str, number: int) -> Injection:
    """Submit this many interviews with a scripted problem, of which those that hang do so."""

    @contextmanager
    def inject(place: Place) -> Iterator[None]:
        with place.held():
            for one in range(number):
                place.submit(what, one)
            yield

    return inject


hung = some("hang", _HUNG)


@contextmanager
def slow_clients(place: Place) -> Iterator[None]:
    """Eight clients that take six seconds to send each request."""
    stop = threading.Event()

    def upload(host: Host) -> None:
        name, _, port = host.url.removeprefix("http://").partition(":")
        while not stop.is_set():
            with socket.create_connection((name, int(port)), timeout=30) as connection:
                connection.sendall(
                    b"POST /api/v1/interviews HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                    b"Content-Type: application/json\r\n\r\n{"
                )
                time.sleep(6)
                connection.sendall(b'"a": 12}')
                connection.recv(4096)

    threads = [
        threading.Thread(target=upload, args=(host,)) for host in place.hosts for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def messages_purged(place: Place) -> Iterator[None]:
    """Remove the messages of waiting interviews, as `celery purge` does."""
    with hung(place):
        for number in range(24):
            place.submit("go", number)
        assert create_app(place.running.settings).control.purge() >= 20
        yield


@contextmanager
def redis_misconfigured(place: Place) -> Iterator[None]:
    """Let Redis evict keys, and keep none on disk.

    The keys that it evicts are ours: only they expire.
    """
    url = place.running.settings.redis_url
    assert url is not None
    with contextlib.closing(Redis.from_url(url.get_secret_value())) as redis:
        before: dict[str, str | int] = {
            name: redis.config_get(name)[name] or ""
            for name in ("maxmemory", "maxmemory-policy", "appendonly", "save")
        }
        changed: dict[str, str | int] = {
            "maxmemory": redis.info("memory")["used_memory"] + (4 << 20),
            "maxmemory-policy": "volatile-lru",
            "appendonly": "no",
            "save": "",
        }
        try:
            for name, value in changed.items():
                redis.config_set(name, value)
            evicted = redis.info("stats")["evicted_keys"]
            for number in range(10_000):
                redis.set(f"ballast-{number}", bytes(1024), ex=600)
            assert redis.info("stats")["evicted_keys"] > evicted
            yield
        finally:
            for name, value in before.items():
                redis.config_set(name, value)
            for key in redis.scan_iter("ballast-*", count=1000):
                redis.delete(key)


@contextmanager
def another_database(place: Place) -> Iterator[None]:
    """Start one host's sidecar with the URL of another database."""
    url = place.running.settings.mongodb_url
    assert url is not None
    other = urlsplit(url.get_secret_value())._replace(path="/elsewhere").geturl()
    with place.hosts[-1].changed(place.notes, {"MONGODB_URL": other}, with_worker=False):
        yield


@contextmanager
def lease_taken(place: Place) -> Iterator[None]:
    """Take the lease of a duty from outside, as a sidecar does that nobody monitors."""
    with place.database() as mongo:
        lease = MongoLease(mongo.database, DUTY)
        leader = place.leader_of(DUTY)
        taken = threading.Event()

        def take() -> None:
            while not lease.acquire(3600):
                time.sleep(0.02)
            taken.set()

        thread = threading.Thread(target=take)
        thread.start()
        try:
            leader.stop()
            leader.start()
            # The other host may have been faster.
            if not taken.is_set():
                other = place.leader_of(DUTY)
                other.stop()
                other.start()
            wait_until(taken.is_set)
            yield
        finally:
            thread.join()
            lease.release()


@contextmanager
def metrics_disk_full(place: Place) -> Iterator[None]:
    """Start a worker for the first time while the disk of its metrics is full."""
    host = place.hosts[-1]
    assert host.disk is not None
    ballast = host.disk / "ballast"
    host.worker.kill()
    for file in host.metrics.glob("worker-*"):
        file.unlink()
    try:
        _fill(ballast)
        host.start()
        yield
    finally:
        ballast.unlink()


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


@contextmanager
def metrics_disk_filling(place: Place) -> Iterator[None]:
    """Write to the disk of a host's metrics all the time; it begins four fifths full."""
    disk, stop = place.hosts[-1].disk, threading.Event()
    assert disk is not None
    ballast = disk / "ballast"

    def write() -> None:
        with ballast.open("wb", buffering=0) as file:
            file.write(bytes(shutil.disk_usage(disk).free * 4 // 5))
            while not stop.wait(1):
                file.write(bytes(16 << 10))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        ballast.unlink()


@contextmanager
def metrics_damaged(place: Place) -> Iterator[None]:
    """Overwrite a file of metrics; it is set aside, and an operator deletes it."""
    metrics_of = place.hosts[-1].metrics
    (metrics_of / "worker-1.db").write_bytes(bytes(range(256)))
    try:
        yield
    finally:
        for file in metrics_of.glob("*.damaged"):
            file.unlink()


@contextmanager
def exporter_hung(place: Place) -> Iterator[None]:
    """Freeze node_exporter, so that Prometheus gets no answer."""
    del place
    (pid,) = (
        child.pid
        for child in psutil.Process().children(recursive=True)
        if "node-exporter" in child.cmdline()[0] or "node_exporter" in child.cmdline()[0]
    )
    with frozen(pid):
        yield


@contextmanager
def foreign_service(place: Place) -> Iterator[None]:
    """Let a program that is not ours answer on the port of a sidecar."""
    host = place.hosts[-1]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(b"something_else 1\n")

        def log_message(self, *_: object) -> None:
            pass

    host.sidecar.kill()
    server = ThreadingHTTPServer(("127.0.0.1", int(host.url.rpartition(":")[2])), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        host.start()


@contextmanager
def clock_ahead(place: Place) -> Iterator[None]:
    """Start one host's processes with a clock that is ahead of the other's."""
    library = faketime()
    assert library is not None
    fake = {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"+{_SKEW}s",
        # Only the wall clock differs, as between real hosts.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with place.hosts[-1].changed(place.notes, fake):
        yield


def faketime() -> Path | None:
    """The library of libfaketime; None if it is not installed."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@contextmanager
def kafka_backlog(place: Place) -> Iterator[None]:
    """Send more requests to Kafka than are consumed."""
    settings, stop = place.running.settings, threading.Event()
    servers = settings.kafka_bootstrap_servers
    assert servers is not None
    topic = settings.kafka_requests_topic

    def send() -> None:
        with contextlib.closing(connect(KafkaProducer, servers)) as producer:
            while not stop.wait(0.5):
                lags = scraped(place.hosts[0].url).by_labels(metrics.KAFKA_LAG)
                for _ in range(int(_LAG - sum(lags.values()))):
                    producer.send(topic, value=b"{")
                producer.flush()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def budget_spent(place: Place) -> Iterator[None]:
    """Spend the daily budget of a provider."""
    with place.database() as mongo:
        ledger, today = MongoLedger(mongo.database), now().date()
        ledger.add(BILLED, today, 1e6)
        try:
            yield
        finally:
            ledger.add(BILLED, today, -1e6)


@contextmanager
def model_unlisted(place: Place) -> Iterator[None]:
    """Get answers of a model that is not in the price list."""
    with place.noted(UNLISTED):
        wait_until(lambda: _is_billed(place), 30)
        yield


def _is_billed(place: Place) -> bool:
    figures = [scraped(host.url).by_labels(metrics.EXTERNAL_UNPRICED) for host in place.hosts]
    return any(value for found in figures for value in found.values())


@contextmanager
def proxy_stopped(place: Place) -> Iterator[None]:
    """Stop the proxy before the API."""
    with place.proxy.stopped():
        yield


@contextmanager
def certificate_expiring(place: Place) -> Iterator[None]:
    """Let the certificate of the proxy expire within a week."""
    with place.proxy.expiring():
        yield
