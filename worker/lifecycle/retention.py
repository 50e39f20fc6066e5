"""Retention: erasure of expired interviews and removal of orphaned recordings."""

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
"""Number of recording ids that are checked per query."""

_INTERVAL = 5.0
"""Seconds between two attempts to become the leader, and between retries."""

_SWEEP_SECONDS = 3600.0
"""Seconds between two sweeps. The retention period is counted in days."""

_LEADER_SECONDS = 120.0
"""Longer than one erasure takes if a calendar does not respond."""

_ORPHAN_AGE = timedelta(days=1)
"""Minimum age of an orphaned recording: longer than any upload takes."""


class Retention:
    """Sweeps the stores periodically, in one process at a time.

    Args:
        eraser: Erases interviews.
        keys: The key store, which lists the tenants. The default tenant exists without a key.
        leadership: Elects the process that sweeps.
        days: Days for which a finished interview is kept; None keeps interviews forever.
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
        """Sweep until `stop` is set, retrying while the database or a calendar is unavailable."""
        swept: float | None = None
        while not stop.wait(min(_INTERVAL, self._interval)):
            try:
                if not self._leadership.acquire(_LEADER_SECONDS):
                    continue
                if swept is None or time.monotonic() - swept >= self._interval:
                    self.sweep(stop)
                    swept = time.monotonic()
            except InterviewWorkerError as error:
                log.warning("the retention sweep is postponed: %s", error.message)

    def sweep(self, stop: threading.Event) -> None:
        """Erase all expired interviews and remove all orphaned recordings, until `stop` is set.

        An interview that cannot be erased is skipped until the next sweep.

        Raises:
            Transient: The database is unavailable.
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
                # Renewing fails if the database is unavailable, which aborts the sweep at once
                # instead of failing for each interview.
                if stop.is_set() or not self._leadership.acquire(_LEADER_SECONDS):
                    return
                try:
                    self._eraser.erase_expired(interview_id, before, actor)
                except InterviewWorkerError as error:
                    log.warning("%s will be erased later: %s", interview_id, error.message)
                    left.add(interview_id)

    def _remove_orphans(self, stop: threading.Event) -> None:
        """Remove recordings that have no interview.

        These remain when an interview is erased during its upload, or when a backup restores only a
        part of the database.
        """
        audio, after = self._eraser.audio, ""
        before = now() - _ORPHAN_AGE
        while not stop.is_set() and (found := audio.saved_before(before, _RECORDINGS, after)):
            after = found[-1]
            for orphan in sorted(set(found) - self._eraser.interviews.existing_ids(found)):
                audio.delete(orphan)
                log.warning("an orphaned recording is removed: %s", orphan)
