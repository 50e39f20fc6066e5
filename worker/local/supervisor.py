"""The process supervisor, which runs services in parallel and stops them in order."""

import logging
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from worker.local.processes.child import Child, stop_all

_POLL_SECONDS = 0.1
_START_SECONDS = 180.0
_STOP_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A process to run.

    Attributes:
        name: Its name in messages and of its log file.
        argv: The program and its arguments.
        env: Additions to the inherited environment.
        ready: Returns whether it is ready; by default it is ready once started.
        drains: Whether it has work to finish. If so it is stopped before the others, with a longer
            timeout.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True
    drains: bool = False


class _StopRequested(Exception):
    pass


class Supervisor:
    """Runs services while the context is active or, with `run`, until a signal.

    Nothing is restarted: if a service exits unexpectedly, that is an error and all are stopped.
    Use it only in the main thread: the services are killed when the thread that started them ends.

    Attributes:
        children: The processes, in the order of the services.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        log_dir: Path | None = None,
        drain_seconds: float = 30.0,
        watched: Sequence[Child] = (),
    ) -> None:
        """Create the processes without starting them.

        Args:
            services: The services, in start order.
            log_dir: The directory of the log files, `<name>.log`; None to share our output.
            drain_seconds: How long draining services may take to finish their work.
            watched: Processes that the services need but that are started and stopped elsewhere.
        """
        self._services = services
        self.children = [
            Child(
                service.name,
                service.argv,
                env=service.env,
                log=log_dir / f"{service.name}.log" if log_dir else None,
            )
            for service in services
        ]
        self._drain_seconds = drain_seconds
        self._watched = watched
        self._stop_requests = 0

    def start(self) -> None:
        """Start the services in parallel, and wait until all are ready.

        Raises:
            ProcessFailed: A service failed to start; the others have been stopped.
        """
        try:
            for child in self.children:
                child.start()
            for service, child in zip(self._services, self.children, strict=True):
                child.wait_until(self._unless_stopped(service.ready), _START_SECONDS)
                log.info("%s is up, process %d", service.name, child.pid)
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Raise `ProcessFailed` if a process has exited unexpectedly."""
        for child in (*self._watched, *self.children):
            child.check()

    def stop(self) -> None:
        """Stop the draining services, then the others."""
        log.info("stopping %s", ", ".join(c.name for c in self.children if c.is_running))
        for drains, grace in ((True, self._drain_seconds), (False, _STOP_SECONDS)):
            pairs = zip(self._services, self.children, strict=True)
            children = [child for service, child in pairs if service.drains is drains]
            stop_all(children, grace, hurry=lambda: self._stop_requests > 1)

    def run(self, started: Callable[[], object] = lambda: None) -> None:
        """Run the services until SIGINT or SIGTERM; a second signal kills all processes.

        Args:
            started: Called when all services are ready.

        Raises:
            ProcessFailed: A process exited unexpectedly; all others have been stopped.
        """
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            self.start()
            started()
            while not self._stop_requests:
                self.check()
                time.sleep(_POLL_SECONDS)
        except _StopRequested:
            pass
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def __enter__(self) -> Self:
        """Start the services."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the services."""
        self.stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1

    def _unless_stopped(self, ready: Callable[[], bool]) -> Callable[[], bool]:
        def check() -> bool:
            if self._stop_requests:
                raise _StopRequested
            return ready()

        return check
