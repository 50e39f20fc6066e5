"""The background threads of a process, which are stopped together."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from worker.leadership import Duty, Election
from worker.ports import Lease

log = logging.getLogger(__name__)

_STOP_SECONDS = 8.0
"""Seconds for all threads together to finish."""

_RESTART_SECONDS = 5.0
"""Seconds after which a thread that failed unexpectedly runs again."""

Run = Callable[[threading.Event], None]
"""Works until the event is set."""


class Background:
    """Threads that run while a context is active.

    What they use must be closed after this context: it waits for them.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._elections: dict[str, Election] = {}

    def add(self, name: str, run: Run) -> None:
        """Run something in every process."""
        work = partial(self._run, name, run)
        self._threads.append(threading.Thread(target=work, name=name, daemon=True))

    def add_duty(self, name: str, lease: Lease, duty: Duty) -> None:
        """Run something in one of all processes: the one that has the lease."""
        election = self._elections[name] = Election(name, lease)
        self.add(name, partial(election.run, duty))

    def leads(self) -> Mapping[str, bool]:
        """Whether this process is the leader, for each duty."""
        return {name: election.is_leader for name, election in self._elections.items()}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run all threads; afterwards stop them, and give up every lease."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            deadline = time.monotonic() + _STOP_SECONDS
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            # Also of those that did not finish in time: they end with this process.
            for election in self._elections.values():
                election.resign()

    def _run(self, name: str, run: Run) -> None:
        while not self._stop.is_set():
            try:
                run(self._stop)
            except Exception:
                log.exception("%s failed, and starts again", name)
                self._stop.wait(_RESTART_SECONDS)
            else:
                return
