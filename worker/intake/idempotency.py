"""Idempotent acceptance of requests by a client's idempotency key."""

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
"""How long a key stays bound to its first request."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result of a request.

    Attributes:
        interview: The interview in its current state.
        replayed: Whether the interview was accepted by an earlier request with the same key.
    """

    interview: Interview
    replayed: bool


@dataclass(frozen=True, slots=True)
class IdempotencyGuard:
    """Executes a request once, even if it is received several times.

    Follows draft-ietf-httpapi-idempotency-key-header-07, except that the id of the interview is
    stored instead of the first response, so that no personal data outlives an erasure. The id is
    stored before the interview, so that a retry after a crash finds an interview already stored.

    Attributes:
        entries: The store of idempotency entries.
        interviews: The store of interviews.
        tenant: The tenant of the caller.
        key: The client's idempotency key; None disables deduplication.
    """

    entries: IdempotencyStore
    interviews: InterviewStore
    tenant: str
    key: str | None

    def accept(
        self, fingerprint: str, create: Callable[[str | None], Interview], *, within: timedelta
    ) -> Accepted:
        """Accept an interview, or return the one that an earlier request created.

        Args:
            fingerprint: A hash of the request's content.
            create: Creates the interview, with the given id or a new one. If it rejects the request
                (`Permanent`), the key is released. After any other failure it is unknown what was
                stored, so a retry uses the same interview id.
            within: The longest time that `create` takes. After it, a request without a result
                counts as abandoned and is executed again.

        Raises:
            InvalidInput: The key belongs to a different request.
            Transient: The same request is in progress.
            Erased: The interview has been erased.
        """
        if self.key is None:
            return Accepted(create(None), replayed=False)
        entry, is_first = self._begin(self.key, fingerprint, within)
        if entry.until is None:
            return Accepted(self.interviews.get(entry.interview_id), replayed=True)
        try:
            accepted = Accepted(create(entry.interview_id), replayed=False)
        except AlreadyExists:
            # An earlier attempt stored the interview, but crashed before it finished the entry.
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
        """The entry of a key, and whether this is the first attempt to execute the request."""
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
            # Harmless: the interview is stored, and a retry of the request will find it.
            log.warning("the result of a request could not be recorded: %s", error.message)

    def _release(self, entry: IdempotencyEntry, *, nothing_stored: bool) -> None:
        try:
            if nothing_stored:
                self.entries.remove(entry)
            else:
                # Keep the id: the next attempt must find an interview that may have been stored.
                self._take_over(entry, now())
        except Transient as error:
            log.warning("an idempotency key stays blocked until it times out: %s", error.message)


def _check(found: IdempotencyEntry, fingerprint: str, moment: datetime) -> None:
    if found.fingerprint != fingerprint:
        raise InvalidInput(
            "this Idempotency-Key was already used for a different request",
            code="idempotency_key_reused",
        )
    if found.until is not None and moment < found.until:
        raise _in_flight()


def _in_flight() -> Transient:
    return Transient(
        "a request with this Idempotency-Key is still in progress",
        code="idempotency_in_flight",
    )
