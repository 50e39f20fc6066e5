"""Keeping the leases of runs that are at work."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from tasks.errors import STALE, InterviewWorkerError, Superseded, Transient

log = logging.getLogger(__name__)

_SHARE = 3
"""A lease is renewed when a third of it has passed, so that one renewal may fail."""

_PAUSE = 0.5
"""Seconds between two looks at the leases."""


@dataclass(eq=False)
class _Lease:
    renew: Callable[[], None]
    duration: float
    started: float = field(default_factory=monotonic)
    due: float = field(init=False)
    until: float = field(init=False)
    lost: InterviewWorkerError | None = None

    def __post_init__(self) -> None:
        self.renewed(self.started)

    def renewed(self, moment: float) -> None:
        self.due = moment + self.duration / _SHARE
        self.until = moment + self.duration


class _LeaseRenewer:
    """Renews the leases of a process from one thread.

    A thread for each run would cost as much as all else that is done around the work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: set[_Lease] = set()
        self._thread: threading.Thread | None = None

    def add(self, lease: _Lease) -> None:
        with self._lock:
            self._leases.add(lease)
            # After a fork the thread is gone.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def remove(self, lease: _Lease) -> None:
        with self._lock:
            self._leases.discard(lease)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(_PAUSE):
            with self._lock:
                due = [lease for lease in self._leases if lease.due <= monotonic()]
            for lease in due:
                self._renew(lease)

    def _renew(self, lease: _Lease) -> None:
        moment = monotonic()
        lease.due = moment + lease.duration / _SHARE
        try:
            lease.renew()
        except STALE as error:
            # The work finds out by itself, at its next step.
            lease.lost = error
            self.remove(lease)
        except Transient as error:
            log.warning("a lease could not be renewed: %s", error.message)
        else:
            lease.renewed(moment)


_renewer = _LeaseRenewer()

_current: ContextVar[_Lease | None] = ContextVar("at_work", default=None)


@contextmanager
def renewing(renew: Callable[[], None], duration: timedelta) -> Iterator[None]:
    """Have a lease renewed, again and again, for as long as the context lasts.

    Args:
        renew: Renews it; called from a thread.
        duration: How long it lasts.
    """
    lease = _Lease(renew, duration.total_seconds())
    _renewer.add(lease)
    token = _current.set(lease)
    try:
        yield
    finally:
        _current.reset(token)
        _renewer.remove(lease)


def check_lease() -> None:
    """Stop the run in whose context this is called, if its interview is not its own any more.

    Outside of any run, nothing is checked.

    Raises:
        Superseded: Its work is not wanted any more.
        Transient: Nobody could be told that it is at work, for so long that another may be.
    """
    lease = _current.get()
    if lease is None:
        return
    if lease.lost is not None:
        raise Superseded(lease.lost.message) from lease.lost
    if monotonic() >= lease.until:
        raise Transient("the lease could not be renewed in time", code="lease_lapsed")


def elapsed() -> float:
    """Seconds since the run began in whose context this is called; 0 outside of any."""
    lease = _current.get()
    return 0.0 if lease is None else monotonic() - lease.started
