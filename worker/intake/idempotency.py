"""Requests that may come again: what the key of a client stands for, and what becomes of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from tasks.clock import now
from tasks.errors import AlreadyExists, InvalidInput, Permanent, Transient
from tasks.interviews.interview import Interview
from tasks.ports import InterviewStore
from worker.ports import IdempotencyEntry, IdempotencyStore

log = logging.getLogger(__name__)

KEY_LIFETIME = timedelta(hours=24)
"""How long a key stands for the request that brought it first."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of a request, now or before.

    Attributes:
        interview: The interview as it is now.
        replayed: Whether it was taken in when this request came before.
    """

    interview: Interview
    replayed: bool


@dataclass(frozen=True, slots=True)
class IdempotencyGuard:
    """Carries a request out once, however often it comes.

    After the IETF's draft-ietf-httpapi-idempotency-key-header-07. In place of the first answer the
    id of the interview is kept, so that nothing outlives its erasure here. The id is there before
    the interview, which makes a run after a crash find what the one before it has stored.

    Attributes:
        entries: Where requests are kept.
        interviews: Where interviews are kept.
        tenant: Who sends the request.
        key: What the client calls it; without one, each request is another one.
    """

    entries: IdempotencyStore
    interviews: InterviewStore
    tenant: str
    key: str | None

    def accept(
        self, fingerprint: str, create: Callable[[str | None], Interview], *, within: timedelta
    ) -> Accepted:
        """Take an interview in, or tell what came of it before.

        Args:
            fingerprint: A hash of what the request asks for.
            create: Takes in the interview of an id, or of a new one. Where it is refused, the key
                is free again. Where it fails otherwise, the same request can be sent again; as it
                is not known what was stored, it gets the same interview.
            within: How long that takes at most. A request that comes again after so long, and was
                never answered, is carried out again.

        Raises:
            InvalidInput: The key stands for another request.
            Transient: The same request is being carried out.
            Erased: The interview is erased.
        """
        if self.key is None:
            return Accepted(create(None), replayed=False)
        entry, is_first = self._begin(self.key, fingerprint, within)
        if entry.until is None:
            return Accepted(self.interviews.get(entry.interview_id), replayed=True)
        try:
            accepted = Accepted(create(entry.interview_id), replayed=False)
        except AlreadyExists:
            # A run before this one has stored it, and did not live to say so.
            self._finish(entry)
            return Accepted(self.interviews.get(entry.interview_id), replayed=True)
        except BaseException as error:
            self._release(entry, nothing_stored=is_first and isinstance(error, Permanent))
            raise
        self._finish(entry)
        return accepted

    def _begin(
        self, key: str, fingerprint: str, within: timedelta
    ) -> tuple[IdempotencyEntry, bool]:
        """The entry of a key, and whether nobody has begun to carry the request out before."""
        moment = now()
        entry = IdempotencyEntry(
            id=sha256(f"{self.tenant}\n{key}".encode()).hexdigest(),
            fingerprint=fingerprint,
            interview_id=str(uuid4()),
            until=moment + within,
            expires_at=moment + KEY_LIFETIME,
        )
        if self.entries.put(entry, instead_of=None):
            return entry, True
        found = self.entries.get(entry.id)
        if found is not None and moment < found.expires_at:
            _check(found, fingerprint, moment)
            if found.until is not None:
                found = self._take_over(found, moment + within)
            return found, False
        if self.entries.put(entry, instead_of=found):
            return entry, True
        raise _in_flight()

    def _take_over(self, found: IdempotencyEntry, until: datetime) -> IdempotencyEntry:
        ours = replace(found, until=until, version=uuid4().hex)
        if self.entries.put(ours, instead_of=found):
            return ours
        raise _in_flight()

    def _finish(self, entry: IdempotencyEntry) -> None:
        answered = replace(entry, until=None, version=uuid4().hex)
        try:
            self.entries.put(answered, instead_of=entry)
        except Transient as error:
            # The interview is stored: when the request comes again, that will be found.
            log.warning("the answer to a request is not noted: %s", error.message)

    def _release(self, entry: IdempotencyEntry, *, nothing_stored: bool) -> None:
        try:
            if nothing_stored:
                self.entries.remove(entry)
            else:
                # What comes next must find what may have been stored.
                self._take_over(entry, now())
        except Transient as error:
            log.warning("the key of a request is blocked until it lapses: %s", error.message)


def _check(found: IdempotencyEntry, fingerprint: str, moment: datetime) -> None:
    if found.fingerprint != fingerprint:
        raise InvalidInput(
            "this Idempotency-Key was sent before, with another request",
            code="idempotency_key_reused",
        )
    if found.until is not None and moment < found.until:
        raise _in_flight()


def _in_flight() -> Transient:
    return Transient(
        "the request with this Idempotency-Key is still being carried out",
        code="idempotency_in_flight",
    )
