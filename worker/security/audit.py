"""The audit trail, an append-only record of who read or changed what, and when.

Neither the port nor its adapter can change or remove an entry.
"""

import secrets

from tasks.clock import now
from tasks.errors import InterviewWorkerError, Transient
from worker.ports import Action, Actor, AuditTrail, Entry
from worker.security.api_keys import Caller


def actor_of(caller: Caller) -> Actor:
    """The actor of a request, for the audit trail."""
    return Actor(who=caller.key or "open access", tenant=caller.tenant)


def record(
    trail: AuditTrail,
    actor: Actor,
    action: Action,
    interview_id: str | None = None,
    detail: str | None = None,
) -> None:
    """Record an action, before it is performed.

    Raises:
        Transient: The entry cannot be stored, so the action must not be performed.
    """
    at = now()
    entry = Entry(
        # Like a version 7 UUID: ordered by time, otherwise random (RFC 9562, section 5.7).
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
            f"{action} is rejected because it cannot be recorded: {error.message}",
            code="audit_unavailable",
        ) from error
