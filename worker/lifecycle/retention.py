"""Retention: erasure of expired interviews and removal of orphaned recordings."""

import logging
import math
import time
from datetime import datetime, timedelta

from tasks.clock import now
from tasks.errors import InterviewWorkerError
from tasks.interviews.interview import DEFAULT_TENANT
from worker.leadership import Term
from worker.lifecycle.erasure import Eraser
from worker.ports import Actor, KeyStore

log = logging.getLogger(__name__)

_BATCH = 100
_RECORDINGS = 1000
"""Number of recording ids that are checked per query."""

_INTERVAL = 5.0
"""Seconds between two checks whether a sweep is due."""

_SWEEP_SECONDS = 3600.0
"""Seconds between two sweeps. The retention period is counted in days."""

_ORPHAN_AGE = timedelta(days=1)
"""Minimum age of an orphaned recording: longer than any upload takes."""


class Retention:
    """Sweeps the stores periodically.

    Args:
        eraser: Erases interviews.
        keys: The key store, which lists the tenants. The default tenant exists without a key.
        days: Days for which a finished interview is kept; None keeps interviews forever.
        interval: Seconds between two sweeps.
    """

    def __init__(
        self,
        eraser: Eraser,
        keys: KeyStore,
        days: int | None,
        *,
        interval: float = _SWEEP_SECONDS,
    ) -> None:
        self._eraser = eraser
        self._keys = keys
        self._days = days
        self._interval = interval

    def run(self, term: Term) -> None:
        """Sweep until the term is over, at its beginning for the first time.

        Raises the same errors as `sweep`.
        """
        swept = -math.inf
        while not term.wait(min(_INTERVAL, self._interval)):
            if time.monotonic() - swept >= self._interval:
                self.sweep(term)
                swept = time.monotonic()

    def sweep(self, term: Term) -> None:
        """Erase all expired interviews and remove all orphaned recordings, until the term is over.

        An interview that cannot be erased is skipped until the next sweep.

        Raises:
            Transient: The database is unavailable.
        """
        if self._days is not None:
            before = now() - timedelta(days=self._days)
            for tenant in sorted({DEFAULT_TENANT} | {key.tenant for key in self._keys.all()}):
                self._erase_expired(tenant, before, term)
        self._remove_orphans(term)

    def _erase_expired(self, tenant: str, before: datetime, term: Term) -> None:
        actor = Actor(who="retention", tenant=tenant)
        left: set[str] = set()
        while True:
            found = self._eraser.interviews.finished_before(tenant, before, _BATCH + len(left))
            due = [one for one in found if one not in left]
            if not due:
                return
            for interview_id in due:
                if term.is_over:
                    return
                try:
                    self._eraser.erase_expired(interview_id, before, actor)
                except InterviewWorkerError as error:
                    log.warning("%s will be erased later: %s", interview_id, error.message)
                    left.add(interview_id)

    def _remove_orphans(self, term: Term) -> None:
        """Remove recordings that have no interview.

        These remain when an interview is erased during its upload, or when a backup restores only a
        part of the database.
        """
        audio, after = self._eraser.audio, ""
        before = now() - _ORPHAN_AGE
        while not term.is_over and (found := audio.saved_before(before, _RECORDINGS, after)):
            after = found[-1]
            for orphan in sorted(set(found) - self._eraser.interviews.existing_ids(found)):
                audio.delete(orphan)
                log.warning("an orphaned recording is removed: %s", orphan)
