"""The audit trail: who saw or changed what, and when. It only ever grows.

There is no way to change or to remove an entry: neither the port nor its adapter has one.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks.clock import now
from tasks.errors import InterviewWorkerError, Transient
from worker.security.api_keys import Caller


class Action(StrEnum):
    """What is put on record."""

    TRANSCRIPT_READ = "transcript.read"
    ANALYSIS_READ = "analysis.read"
    FEEDBACK_READ = "feedback.read"
    INVITATION_READ = "invitation.read"
    REVIEW = "review"
    FEEDBACK = "feedback"
    ERASE = "erase"
    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"


class Actor(BaseModel):
    """Who acts, and for which tenant."""

    model_config = ConfigDict(frozen=True)

    who: str
    """The id of a key, `open access`, `command line` or `retention`."""
    tenant: str


def actor_of(caller: Caller) -> Actor:
    """Who sends a request."""
    return Actor(who=caller.key or "open access", tenant=caller.tenant)


class Entry(Actor):
    """One act. It holds ids, and nothing about anybody who is interviewed."""

    id: str
    """Entries are in the order of their ids."""
    at: AwareDatetime
    action: Action
    interview_id: str | None = None
    detail: str | None = None
    """The format of a transcript, or the id of the key that was made or revoked."""


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """Which entries to list, newest first.

    Attributes:
        tenant: Whose.
        interview_id: Only those of this interview; None for all.
        after: The id of the last entry of the page before.
        limit: The largest number of entries to return.
    """

    tenant: str
    interview_id: str | None = None
    after: str | None = None
    limit: int = 50


class AuditTrail(Protocol):
    """Where entries are kept. Every method may raise `Transient` or `Permanent`."""

    def append(self, entry: Entry) -> None:
        """Keep an entry; when this returns it is safe."""

    def find(self, query: TrailQuery) -> Sequence[Entry]:
        """List entries, newest first."""


def record(
    trail: AuditTrail,
    actor: Actor,
    action: Action,
    interview_id: str | None = None,
    detail: str | None = None,
) -> None:
    """Put an act on record, before it is done.

    Raises:
        Transient: It cannot be recorded, so it must not be done.
    """
    at = now()
    entry = Entry(
        # As version 7 UUIDs are: in the order of time, and else at random (RFC 9562, section 5.7).
        id=f"{int(at.timestamp() * 1000):012x}{secrets.token_hex(10)}",
        at=at,
        who=actor.who,
        tenant=actor.tenant,
        action=action,
        interview_id=interview_id,
        detail=detail,
    )
    try:
        trail.append(entry)
    except InterviewWorkerError as error:
        raise Transient(
            f"{action} is refused, as it cannot be recorded: {error.message}",
            code="audit_unavailable",
        ) from error
