"""The audit trail: who saw or changed what, and when. It only ever grows.

There is no way to change or to remove an entry: neither the port nor its adapter has one.
"""

import secrets

from tasks.clock import now
from tasks.errors import InterviewWorkerError, Transient
from worker.ports import Action, Actor, AuditTrail, Entry
from worker.security.api_keys import Caller


def actor_of(caller: Caller) -> Actor:
    """Who sends a request."""
    return Actor(who=caller.key or "open access", tenant=caller.tenant)


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
