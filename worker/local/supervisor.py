"""Runs the processes of a service side by side, and stops them in order."""

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
        name: What it is called in messages, and its log file.
        argv: The program and its arguments.
        env: What to add to the environment it inherits.
        ready: Asks it, and says whether it does its work; without, it is ready once started.
        drains: It has work to bring to an end: it is asked to stop before the others, and given
            more time.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True
    drains: bool = False


class _StopRequested(Exception):
    pass


class Supervisor:
    """Runs services for as long as the context lasts, or until a signal with `run`.

    Nothing is restarted: where one service ends by itself, that is an error, and all are stopped.
    It must be used in the main thread: the services die with the thread that starts them.

    Attributes:
        children: Their processes, in the order of the services.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        log_dir: Path | None = None,
        drain_seconds: float = 30.0,
        watched: Sequence[Child] = (),
    ) -> None:
        """Describe what to run.

        Args:
            services: The services, in the order in which they are started.
            log_dir: Where their output goes, as `<name>.log`; where there is none, to ours.
            drain_seconds: How long services that drain may take to bring their work to an end.
            watched: Processes that the services need, and somebody else starts and stops.
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
        """Start the services, side by side, and wait until all are ready.

        Raises:
            ProcessFailed: A service does not come up; the others have been stopped.
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
        """Raise `ProcessFailed` where a process has ended by itself."""
        for child in (*self._watched, *self.children):
            child.check()

    def stop(self) -> None:
        """Stop the services: first those that drain, then the others."""
        log.info("stopping %s", ", ".join(c.name for c in self.children if c.is_running))
        for drains, grace in ((True, self._drain_seconds), (False, _STOP_SECONDS)):
            pairs = zip(self._services, self.children, strict=True)
            children = [child for service, child in pairs if service.drains is drains]
            stop_all(children, grace, hurry=lambda: self._stop_requests > 1)

    def run(self, started: Callable[[], object] = lambda: None) -> None:
        """Run the services until SIGINT or SIGTERM; at a second one, whatever runs is killed.

        Args:
            started: Called once all services are ready.

        Raises:
            ProcessFailed: A process ended by itself; all have been stopped.
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
