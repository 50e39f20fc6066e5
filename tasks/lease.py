"""Keeping the leases of runs that are at work."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from tasks.errors import UNWANTED, InterviewWorkerError, Superseded, Transient

log = logging.getLogger(__name__)

_SHARE = 3
"""A lease is renewed when a third of it has passed, so that one renewal may fail."""

_PAUSE = 0.5
"""Seconds between two looks at the leases."""


@dataclass(eq=False)
class _Kept:
    renew: Callable[[], None]
    lasts: float
    begun: float = field(default_factory=monotonic)
    due: float = field(init=False)
    until: float = field(init=False)
    lost: InterviewWorkerError | None = None

    def __post_init__(self) -> None:
        self.renewed(self.begun)

    def renewed(self, moment: float) -> None:
        self.due = moment + self.lasts / _SHARE
        self.until = moment + self.lasts


class _Keeper:
    """Renews the leases of a process from one thread.

    A thread for each run would cost as much as all else that is done around the work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: set[_Kept] = set()
        self._thread: threading.Thread | None = None

    def add(self, kept: _Kept) -> None:
        with self._lock:
            self._kept.add(kept)
            # After a fork the thread is gone.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def remove(self, kept: _Kept) -> None:
        with self._lock:
            self._kept.discard(kept)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(_PAUSE):
            with self._lock:
                due = [kept for kept in self._kept if kept.due <= monotonic()]
            for kept in due:
                self._renew(kept)

    def _renew(self, kept: _Kept) -> None:
        moment = monotonic()
        kept.due = moment + kept.lasts / _SHARE
        try:
            kept.renew()
        except UNWANTED as error:
            # The work finds out by itself, at its next step.
            kept.lost = error
            self.remove(kept)
        except Transient as error:
            log.warning("a lease could not be renewed: %s", error.message)
        else:
            kept.renewed(moment)


_keeper = _Keeper()

_at_work: ContextVar[_Kept | None] = ContextVar("at_work", default=None)


@contextmanager
def keeping(renew: Callable[[], None], lease: timedelta) -> Iterator[None]:
    """Have a lease renewed, again and again, for as long as the context lasts.

    Args:
        renew: Renews it; called from a thread.
        lease: How long it lasts.
    """
    kept = _Kept(renew, lease.total_seconds())
    _keeper.add(kept)
    token = _at_work.set(kept)
    try:
        yield
    finally:
        _at_work.reset(token)
        _keeper.remove(kept)


def check_lease() -> None:
    """Stop the run in whose context this is called, if its interview is not its own any more.

    Outside of any run, nothing is checked.

    Raises:
        Superseded: Its work is not wanted any more.
        Transient: Nobody could be told that it is at work, for so long that another may be.
    """
    kept = _at_work.get()
    if kept is None:
        return
    if kept.lost is not None:
        raise Superseded(kept.lost.message) from kept.lost
    if monotonic() >= kept.until:
        raise Transient("the lease could not be renewed in time", code="lease_lapsed")


def at_work_for() -> float:
    """Seconds since the run began in whose context this is called; 0 outside of any."""
    kept = _at_work.get()
    return 0.0 if kept is None else monotonic() - kept.begun
