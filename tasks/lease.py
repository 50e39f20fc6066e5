"""Renewal of the leases of active runs."""

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

_RENEWALS_PER_LEASE = 3
"""A lease is renewed after a third of its duration, so one renewal may fail."""

_POLL_SECONDS = 0.5
"""Seconds between checks for leases to renew."""


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
        self.due = moment + self.duration / _RENEWALS_PER_LEASE
        self.until = moment + self.duration


class _LeaseRenewer:
    """Renews all leases of a process from one thread.

    A thread per run would cost as much as everything else around the work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: set[_Lease] = set()
        self._thread: threading.Thread | None = None

    def add(self, lease: _Lease) -> None:
        with self._lock:
            self._leases.add(lease)
            # The thread does not survive a fork.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def remove(self, lease: _Lease) -> None:
        with self._lock:
            self._leases.discard(lease)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(_POLL_SECONDS):
            with self._lock:
                due = [lease for lease in self._leases if lease.due <= monotonic()]
            for lease in due:
                self._renew(lease)

    def _renew(self, lease: _Lease) -> None:
        moment = monotonic()
        lease.due = moment + lease.duration / _RENEWALS_PER_LEASE
        try:
            lease.renew()
        except STALE as error:
            # The run detects this at its next step.
            lease.lost = error
            self.remove(lease)
        except Transient as error:
            log.warning("failed to renew a lease: %s", error.message)
        else:
            lease.renewed(moment)


_renewer = _LeaseRenewer()

_current: ContextVar[_Lease | None] = ContextVar("current_lease", default=None)


@contextmanager
def renewing(renew: Callable[[], None], duration: timedelta) -> Iterator[None]:
    """Renew a lease periodically for the duration of the context.

    Args:
        renew: Renews the lease; called from a background thread.
        duration: The duration of the lease.
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
    """Raise if the current run no longer owns its interview; does nothing outside a run.

    Raises:
        Superseded: The interview was cancelled, erased or taken over.
        Transient: The lease expired without being renewed, so another run may have taken over.
    """
    lease = _current.get()
    if lease is None:
        return
    if lease.lost is not None:
        raise Superseded(lease.lost.message) from lease.lost
    if monotonic() >= lease.until:
        raise Transient("the lease could not be renewed in time", code="lease_lapsed")


def elapsed() -> float:
    """Seconds since the current run began; 0 outside a run."""
    lease = _current.get()
    return 0.0 if lease is None else monotonic() - lease.started
