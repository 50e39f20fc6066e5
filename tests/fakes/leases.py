"""Leases in memory."""

import time
from dataclasses import dataclass, field
from uuid import uuid4

from tasks.errors import Transient


@dataclass
class Shared:
    """What the processes share: the owner, and until when it has the lease."""

    owner: str | None = None
    until: float = 0


@dataclass
class MemoryLease:
    """A process's view of a lease; without `shared` it has no competitors."""

    shared: Shared = field(default_factory=Shared)
    owner: str = field(default_factory=lambda: uuid4().hex)
    failures: int = 0
    """How many of the next calls fail, as if the database were unavailable."""

    def acquire(self, seconds: float) -> bool:
        self._fail()
        self._seconds = seconds
        if self.shared.owner not in {None, self.owner} and time.monotonic() < self.shared.until:
            return False
        self.shared.owner, self.shared.until = self.owner, time.monotonic() + seconds
        return True

    def renew(self) -> bool:
        self._fail()
        return self.shared.owner == self.owner and self.acquire(self._seconds)

    def release(self) -> None:
        self._fail()
        if self.shared.owner == self.owner:
            self.shared.owner = None

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise Transient("the database is unavailable")
