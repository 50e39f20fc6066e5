"""Faults to inject, and the receivers to be notified."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.alerting.live.stack import Place

_BURNS = frozenset(
    f"InterviewWorker{name}BudgetBurn"
    for name in ("Availability", "Latency", "Operations", "Freshness")
)


@dataclass(frozen=True)
class Fault:
    """A fault, and the alerts that it causes.

    Attributes:
        name: The name of the fault.
        expected: The alerts that must arrive.
        also: Further alerts that may arrive, because the fault causes them as well.
        inject: Injects the fault for the duration of the context.
        patience: Seconds within which all expected alerts must arrive.
    """

    name: str
    expected: frozenset[str]
    also: frozenset[str]
    inject: Callable[[Place], AbstractContextManager[None]]
    patience: float = 90


def _named(*names: str) -> frozenset[str]:
    return frozenset(f"InterviewWorker{name}" for name in names)


def _server_stopped(name: str) -> Callable[[Place], AbstractContextManager[None]]:
    @contextmanager
    def inject(place: Place) -> Iterator[None]:
        server = place.running.process(name)
        server.kill()
        try:
            yield
        finally:
            server.start()

    return inject


@contextmanager
def _nothing(place: Place) -> Iterator[None]:
    del place
    yield


def _submitted(what: str, pace: float) -> Callable[[Place], AbstractContextManager[None]]:
    """Submit interviews with a scripted problem, one every `pace` seconds."""

    @contextmanager
    def inject(place: Place) -> Iterator[None]:
        stop = threading.Event()

        def submit() -> None:
            number = 0
            while not stop.wait(pace):
                number += 1
                place.submit(what, number)

        thread = threading.Thread(target=submit)
        with place.held():
            thread.start()
            try:
                yield
            finally:
                stop.set()
                thread.join()

    return inject


def _some(what: str, number: int) -> Callable[[Place], AbstractContextManager[None]]:
    @contextmanager
    def inject(place: Place) -> Iterator[None]:
        with place.held():
            for one in range(number):
                place.submit(what, one)
            yield

    return inject


@contextmanager
def _slow_clients(place: Place) -> Iterator[None]:
    """Eight clients that take six seconds to send each request."""
    stop = threading.Event()

    def upload() -> None:
        host, _, port = place.running.stack.api_url.removeprefix("http://").partition(":")
        while not stop.is_set():
            with socket.create_connection((host, int(port)), timeout=30) as connection:
                connection.sendall(
                    b"POST /api/v1/interviews HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                    b"Content-Type: application/json\r\n\r\n{"
                )
                time.sleep(6)
                connection.sendall(b'"a": 12}')
                connection.recv(4096)

    threads = [threading.Thread(target=upload) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def _worker_killed(place: Place) -> Iterator[None]:
    worker = place.running.process("worker-all")
    os.kill(worker.pid, signal.SIGKILL)
    try:
        yield
    finally:
        worker.start()


@contextmanager
def _sidecar_killed(place: Place) -> Iterator[None]:
    sidecar = place.running.process("server")
    os.kill(sidecar.pid, signal.SIGKILL)
    try:
        yield
    finally:
        sidecar.start()


HEALTHY = Fault("nothing", frozenset(), frozenset(), _nothing, 90)
"""No fault, for the equivalent of 45 minutes."""

FAULTS = (
    Fault(
        "database stopped",
        _named("DatabaseDown", "CriticalErrorRate"),
        _BURNS,
        _server_stopped("mongodb"),
    ),
    Fault("broker stopped", _named("BrokerDown"), _BURNS, _server_stopped("valkey")),
    Fault(
        "Kafka stopped",
        _named("FreshnessBudgetBurn", "SourceFails"),
        frozenset(),
        _server_stopped("kafka"),
    ),
    # The sidecar exports the database's metrics too, whose alert has a shorter `for`.
    Fault("sidecar killed", _named("Down"), _named("DatabaseDown"), _sidecar_killed),
    Fault("worker killed", _named("WorkerMissing"), frozenset(), _worker_killed),
    Fault(
        "calendar stopped",
        _named("AIServiceDown"),
        # Interviews are retried, take longer, and fail in the end.
        _named("CircuitOpen", "DeadLettersGrowing", "SlowProcessing") | _BURNS,
        _server_stopped("radicale"),
    ),
    Fault(
        "interviews fail",
        _named("DeadLettersGrowing", "OperationsBudgetBurn"),
        frozenset(),
        _submitted("fail", 0.5),
    ),
    Fault("memory", _named("HighMemoryUsage"), frozenset(), _some("hog", 1)),
    Fault(
        "slow requests",
        _named("HighLatency"),
        _named("LatencyBudgetBurn"),
        _slow_clients,
    ),
    Fault(
        "stages hang",
        _named("QueueStuck", "OldestMessageTooOld"),
        frozenset(),
        _some("hang", 2),
        150,
    ),
    Fault("slow stages", _named("SlowProcessing"), frozenset(), _submitted("slow", 1.5), 180),
)
