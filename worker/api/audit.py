"""The route of `/api/v1/audit`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from worker.api.access import Admin
from worker.api.context import ContextDep
from worker.api.problems import RESPONSES
from worker.ports import Entry, TrailQuery

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=RESPONSES)


class TrailPage(BaseModel):
    """A page of the audit trail, newest first."""

    items: list[Entry]
    next_cursor: str | None
    """The cursor of the next page; None on the last page."""


@router.get("")
def read_trail(
    context: ContextDep,
    caller: Admin,
    interview_id: Annotated[
        UUID | None, Query(description="Only entries of this interview")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
) -> TrailPage:
    """List audit entries: who read or changed what, and when.

    Entries of erased interviews are kept; they hold only the interview's id.
    """
    query = TrailQuery(
        tenant=caller.tenant,
        interview_id=str(interview_id) if interview_id else None,
        after=cursor,
        limit=limit + 1,
    )
    found = context.stores.audit.find(query)
    items = list(found[:limit])
    return TrailPage(items=items, next_cursor=items[-1].id if len(found) > limit else None)
