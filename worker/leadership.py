"""Leader election: duties that one process performs for all."""

import logging
import threading
import time
from collections.abc import Callable

from tasks.errors import InterviewWorkerError
from worker.ports import Lease

log = logging.getLogger(__name__)

_LEASE_SECONDS = 10.0
"""Time until another process can take over from one that was killed."""

_RENEWALS = 4
"""Renewals per lease, so that it survives three failed ones."""

_POLL_SECONDS = 1.0
"""Seconds between two attempts to become the leader."""

_MAX_PAUSE = 5.0
"""Maximum seconds between attempts after a failure."""


class Term:
    """The time during which a process performs a duty.

    It is over at an orderly stop, and when the lease is lost: only in the first case the process is
    still the leader, and may finish what it has begun.

    Args:
        stop: Set at an orderly stop.
        until: The end of the lease, by the monotonic clock of this process.
    """

    def __init__(self, stop: threading.Event, until: float) -> None:
        self._stop = stop
        self._until = until
        self._ended = False

    @property
    def is_leader(self) -> bool:
        """Whether no other process can have taken over."""
        return not self._ended and time.monotonic() < self._until

    @property
    def is_over(self) -> bool:
        """Whether the duty must end."""
        return self._stop.is_set() or not self.is_leader

    def wait(self, seconds: float) -> bool:
        """Wait for this long, or until an orderly stop; returns whether the term is over."""
        self._stop.wait(seconds)
        return self.is_over

    def extend(self, until: float) -> None:
        """Continue until another time, by the monotonic clock, unless it is too late."""
        if self.is_leader:
            self._until = until

    def end(self) -> None:
        """End the term for good."""
        self._ended = True


Duty = Callable[[Term], None]
"""Works until its term is over. If it raises an error, another process gets the chance to do it."""


class Election:
    """Elects the one process that performs a duty.

    The lease is renewed by a thread of its own, so that a step of the duty may take longer than the
    lease. A process that was frozen notices by its monotonic clock that its lease has lapsed. Its
    current step may then overlap with the next leader: each step must be safe to run twice.

    Args:
        name: The name of the duty.
        lease: Its lease.
        seconds: How long the lease lasts without renewal.
        poll: Seconds between two attempts to become the leader.
    """

    def __init__(
        self,
        name: str,
        lease: Lease,
        *,
        seconds: float = _LEASE_SECONDS,
        poll: float = _POLL_SECONDS,
    ) -> None:
        self._name = name
        self._lease = lease
        self._seconds = seconds
        self._poll = poll
        self._term: Term | None = None

    @property
    def is_leader(self) -> bool:
        """Whether this process is the leader."""
        term = self._term
        return term is not None and term.is_leader

    def run(self, duty: Duty, stop: threading.Event) -> None:
        """Perform a duty whenever this process is the leader, until `stop` is set."""
        pause = self._poll
        while not stop.is_set():
            began = time.monotonic()
            failed = self._try_once(duty, stop)
            if not failed or time.monotonic() - began > _MAX_PAUSE:
                pause = self._poll
            if failed:
                # Longer than other processes wait, so that one of them can try.
                pause = min(_MAX_PAUSE, pause * 2)
            stop.wait(pause)

    def resign(self) -> None:
        """End the current term, even if the duty is still running; another process can take over.

        If the database is unavailable, others take over when the lease lapses.
        """
        term, self._term = self._term, None
        if term is None:
            return
        term.end()
        try:
            self._lease.release()
        except InterviewWorkerError as error:
            log.warning("the lease %s is left to lapse: %s", self._name, error.message)

    def _try_once(self, duty: Duty, stop: threading.Event) -> bool:
        """Perform the duty for one term if elected; returns whether it failed."""
        try:
            asked = time.monotonic()
            if self._lease.acquire(self._seconds):
                self._lead(duty, Term(stop, asked + self._seconds))
        except InterviewWorkerError as error:
            log.warning("%s is postponed: %s", self._name, error.message)
            return True
        except Exception:
            log.exception("%s failed, and starts again", self._name)
            return True
        return False

    def _lead(self, duty: Duty, term: Term) -> None:
        done = threading.Event()
        renewing = threading.Thread(
            target=self._renew, args=(term, done), name=f"{self._name}-lease", daemon=True
        )
        self._term = term
        log.info("this process is the leader: %s", self._name)
        renewing.start()
        try:
            duty(term)
        finally:
            done.set()
            self.resign()

    def _renew(self, term: Term, done: threading.Event) -> None:
        while not done.wait(self._seconds / _RENEWALS) and term.is_leader:
            asked = time.monotonic()
            try:
                if not self._lease.renew():
                    break
            except InterviewWorkerError as error:
                log.warning("the lease %s is not renewed: %s", self._name, error.message)
            else:
                term.extend(asked + self._seconds)
        term.end()
        if not done.is_set():
            log.warning("this process is no longer the leader: %s", self._name)
