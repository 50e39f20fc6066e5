"""Erases what has been kept long enough, and removes recordings that belong to nobody."""

import logging
import threading
import time
from datetime import datetime, timedelta

from tasks.clock import now
from tasks.errors import InterviewWorkerError
from tasks.interviews.interview import DEFAULT_TENANT
from worker.lifecycle.erasure import Eraser
from worker.ports import Actor, KeyStore, Leadership

log = logging.getLogger(__name__)

_BATCH = 100
_RECORDINGS = 1000
"""How many ids of recordings are looked at together."""

_INTERVAL = 5.0
"""Seconds between two attempts to lead, or to look at all while the database is away."""

_SWEEP_SECONDS = 3600.0
"""Seconds between two sweeps: days are what is counted."""

_LEADER_SECONDS = 120.0
"""Longer than one erasure takes where a calendar does not answer."""

_ORPHAN_AGE = timedelta(days=1)
"""How old a recording is before it may belong to nobody: longer than any upload takes."""


class Retention:
    """Sweeps the stores again and again, one process at a time.

    Args:
        eraser: Does what `DELETE` does.
        keys: Tell which tenants there are: an interview is that of a key, or of the default one.
        leadership: Sees to it that one process does this.
        days: How long an interview is kept when it is over; None for ever.
        interval: Seconds between two sweeps.
    """

    def __init__(
        self,
        eraser: Eraser,
        keys: KeyStore,
        leadership: Leadership,
        days: int | None,
        *,
        interval: float = _SWEEP_SECONDS,
    ) -> None:
        self._eraser = eraser
        self._keys = keys
        self._leadership = leadership
        self._days = days
        self._interval = interval

    def run(self, stop: threading.Event) -> None:
        """Sweep until `stop` is set, through any absence of database and calendar."""
        swept: float | None = None
        while not stop.wait(min(_INTERVAL, self._interval)):
            try:
                if not self._leadership.acquire(_LEADER_SECONDS):
                    continue
                if swept is None or time.monotonic() - swept >= self._interval:
                    self.sweep(stop)
                    swept = time.monotonic()
            except InterviewWorkerError as error:
                log.warning("retention waits: %s", error.message)

    def sweep(self, stop: threading.Event) -> None:
        """Erase every interview that is due and remove every stray recording, or be stopped.

        What cannot be erased now is left to the next sweep, and keeps nothing else from it.

        Raises:
            Transient: The database is away.
        """
        if self._days is not None:
            before = now() - timedelta(days=self._days)
            for tenant in sorted({DEFAULT_TENANT} | {key.tenant for key in self._keys.all()}):
                self._erase_expired(tenant, before, stop)
        self._remove_orphans(stop)

    def _erase_expired(self, tenant: str, before: datetime, stop: threading.Event) -> None:
        actor = Actor(who="retention", tenant=tenant)
        left: set[str] = set()
        while True:
            found = self._eraser.interviews.finished_before(tenant, before, _BATCH + len(left))
            due = [one for one in found if one not in left]
            if not due:
                return
            for interview_id in due:
                # It also fails where the database is away, so that not each interview has to.
                if stop.is_set() or not self._leadership.acquire(_LEADER_SECONDS):
                    return
                try:
                    self._eraser.erase_expired(interview_id, before, actor)
                except InterviewWorkerError as error:
                    log.warning("%s is to be erased later: %s", interview_id, error.message)
                    left.add(interview_id)

    def _remove_orphans(self, stop: threading.Event) -> None:
        """Remove recordings of interviews that were erased while they were uploaded.

        And those without an interview, such as a backup of one half of the database brings back.
        """
        audio, after = self._eraser.audio, ""
        before = now() - _ORPHAN_AGE
        while not stop.is_set() and (found := audio.saved_before(before, _RECORDINGS, after)):
            after = found[-1]
            for orphan in sorted(set(found) - self._eraser.interviews.existing_ids(found)):
                audio.delete(orphan)
                log.warning("a recording that belonged to nobody is removed: %s", orphan)
