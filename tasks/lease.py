"""Keeping the leases of runs that are at work."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from tasks.errors import UNWANTED, Transient

log = logging.getLogger(__name__)

_SHARE = 3
"""A lease is renewed when a third of it has passed, so that one renewal may fail."""

_PAUSE = 0.5
"""Seconds between two looks at the leases."""


@dataclass(eq=False)
class _Kept:
    renew: Callable[[], None]
    interval: float
    due: float


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
        kept.due = monotonic() + kept.interval
        try:
            kept.renew()
        except UNWANTED:
            # The work finds out by itself, at its next step.
            self.remove(kept)
        except Transient as error:
            log.warning("a lease could not be renewed: %s", error.message)


_keeper = _Keeper()


@contextmanager
def keeping(renew: Callable[[], None], lease: timedelta) -> Iterator[None]:
    """Have a lease renewed, again and again, for as long as the context lasts.

    Args:
        renew: Renews it; called from a thread.
        lease: How long it lasts.
    """
    interval = lease.total_seconds() / _SHARE
    kept = _Kept(renew, interval, monotonic() + interval)
    _keeper.add(kept)
    try:
        yield
    finally:
        _keeper.remove(kept)
