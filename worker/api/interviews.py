"""The routes of `/api/v1/interviews`."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from tasks import ports
from tasks.analysis.feedback import Feedback, Opinion
from tasks.analysis.report import Report
from tasks.analysis.review import Decision
from tasks.errors import NotFound
from tasks.interviews.interview import Interview, Source, Status
from tasks.interviews.people import Moment
from tasks.interviews.transcript import Transcript
from worker.api import subtitles
from worker.api.access import EditId, Editor, EraseId, Reader, ReadId, Remover, WriteId, Writer
from worker.api.context import ContextDep
from worker.api.cursors import cursor_after, parse_cursor
from worker.api.idempotency import IdempotencyKey
from worker.api.problems import RESPONSES
from worker.api.submissions import ACCEPTED_HEADERS, accept
from worker.intake.idempotency import IdempotencyGuard
from worker.lifecycle import operations
from worker.ports import Action
from worker.security.audit import actor_of

router = APIRouter(
    prefix="/api/v1/interviews",
    tags=["interviews"],
    responses=RESPONSES,
)

_MAX_TYPES = 20
"""The largest number of types in a query."""

TypeName = Annotated[str, Field(min_length=1, max_length=64)]


class InterviewPage(BaseModel):
    """A page of interviews, newest first."""

    items: list[Interview]
    next_cursor: str | None
    """The cursor of the next page; None on the last page."""


class TranscriptFormat(StrEnum):
    """The formats of a transcript."""

    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TEXT = "text"


_RENDERED = {
    TranscriptFormat.SRT: (subtitles.srt, "application/x-subrip"),
    TranscriptFormat.VTT: (subtitles.vtt, "text/vtt"),
    TranscriptFormat.TEXT: (subtitles.text, "text/plain"),
}


@router.post("", status_code=202, responses={202: {"headers": ACCEPTED_HEADERS}})
async def submit(
    request: Request, response: Response, context: ContextDep, caller: Writer, key: IdempotencyKey
) -> Interview:
    """Submit a recording.

    Send either `multipart/form-data` with the parts `audio` (the recording) and `interview` (JSON),
    or `application/json` with an `audio_url` from which the recording is downloaded.
    """
    by_cli = request.headers.get("user-agent", "").startswith("interview-worker-cli/")
    intake = replace(context.intake, tenant=caller.tenant)
    once = IdempotencyGuard(
        context.stores.idempotency, context.stores.interviews, caller.tenant, key
    )
    accepted = await accept(request, intake, once, Source.CLI if by_cli else Source.HTTP)
    response.headers["Location"] = f"{router.prefix}/{accepted.interview.id}"
    response.headers["Retry-After"] = "2"
    if accepted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return accepted.interview


@router.get("")
def list_interviews(
    context: ContextDep,
    caller: Reader,
    status: Annotated[
        list[Status] | None, Query(description="Only these statuses", max_length=len(Status))
    ] = None,
    type: Annotated[  # noqa: A002
        list[TypeName] | None, Query(description="Only these types", max_length=_MAX_TYPES)
    ] = None,
    created_from: Annotated[Moment | None, Query(description="Created at or after")] = None,
    created_before: Annotated[Moment | None, Query(description="Created before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> InterviewPage:
    """List interviews, newest first."""
    query = ports.Query(
        tenant=caller.tenant,
        statuses=frozenset(status or ()),
        types=frozenset(type or ()),
        created_from=created_from,
        created_before=created_before,
        after=parse_cursor(cursor) if cursor else None,
        limit=limit + 1,
    )
    found = context.stores.interviews.find(query)
    items = list(found[:limit])
    more = len(found) > limit
    return InterviewPage(items=items, next_cursor=cursor_after(items[-1]) if more else None)


@router.get("/{interview_id}")
def get_interview(interview_id: ReadId, context: ContextDep) -> Interview:
    """Get an interview in any status."""
    return context.stores.interviews.get(interview_id)


@router.get(
    "/{interview_id}/transcript",
    response_model=Transcript,
    responses={200: {"content": {media: {} for _, media in _RENDERED.values()}}},
)
def get_transcript(
    interview_id: ReadId,
    caller: Reader,
    context: ContextDep,
    format: Annotated[TranscriptFormat, Query()] = TranscriptFormat.JSON,  # noqa: A002
) -> Transcript | Response:
    """Get the transcript, available once the recording is transcribed."""
    transcript = context.stores.interviews.transcript(interview_id)
    if transcript is None:
        raise NotFound("there is no transcript yet", code="not_ready")
    context.record(caller, Action.TRANSCRIPT_READ, interview_id, format)
    if format is TranscriptFormat.JSON:
        return transcript
    render, media_type = _RENDERED[format]
    return PlainTextResponse(render(transcript), media_type=f"{media_type}; charset=utf-8")


@router.get("/{interview_id}/analysis")
def get_analysis(interview_id: ReadId, caller: Reader, context: ContextDep) -> Report:
    """Get the analysis, available once the transcript is analysed."""
    report = context.stores.interviews.report(interview_id)
    if report is None:
        raise NotFound("there is no analysis yet", code="not_ready")
    context.record(caller, Action.ANALYSIS_READ, interview_id)
    return report


@router.get(
    "/{interview_id}/invitation",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/calendar": {}}}},
)
def get_invitation(interview_id: ReadId, caller: Reader, context: ContextDep) -> Response:
    """Get the invitation to the follow-up meeting (iTIP REQUEST), available once it is booked."""
    booking = context.stores.interviews.get(interview_id).booking
    if booking is None or booking.invitation is None:
        raise NotFound("no meeting is booked", code="not_ready")
    context.record(caller, Action.INVITATION_READ, interview_id)
    media_type = "text/calendar; method=REQUEST; charset=utf-8"
    return PlainTextResponse(booking.invitation, media_type=media_type)


@router.post("/{interview_id}/cancel")
def cancel(interview_id: EditId, context: ContextDep) -> Interview:
    """Cancel an interview; a running stage stops at its next step."""
    return operations.cancel(context.stores.interviews, interview_id)


@router.post("/{interview_id}/retry", status_code=202)
def retry(interview_id: EditId, context: ContextDep) -> Interview:
    """Retry a failed interview from the stage that failed."""
    return operations.retry(context.stores.interviews, context.dispatcher, interview_id)


class ReviewRequest(Decision):
    """A reviewer's decision, with the reviewer and the reason."""

    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=2000)


@router.post("/{interview_id}/review")
def review(
    interview_id: EditId, request: ReviewRequest, caller: Editor, context: ContextDep
) -> Report:
    """Confirm the analysis, or override parts of it; the original values are kept."""
    decision = Decision.model_validate(request.model_dump(exclude={"by", "reason"}))
    context.record(caller, Action.REVIEW, interview_id)
    return operations.review(
        context.stores.interviews,
        interview_id,
        decision,
        by=request.by,
        reason=request.reason,
    )


@router.post("/{interview_id}/feedback")
def give_feedback(
    interview_id: WriteId, opinion: Opinion, caller: Writer, context: ContextDep
) -> Feedback:
    """Agree or disagree with a part of the analysis; replaces your earlier feedback on it."""
    context.record(caller, Action.FEEDBACK, interview_id)
    return operations.give_feedback(context.stores.interviews, interview_id, opinion)


@router.get("/{interview_id}/feedback")
def get_feedback(interview_id: ReadId, caller: Reader, context: ContextDep) -> Sequence[Feedback]:
    """List the feedback on the analysis, oldest first."""
    given = context.stores.interviews.feedback(interview_id)
    context.record(caller, Action.FEEDBACK_READ, interview_id)
    return given


@router.delete("/{interview_id}", status_code=204)
def erase(interview_id: EraseId, caller: Remover, context: ContextDep) -> None:
    """Erase audio, transcript, analysis and booking; an anonymous tombstone remains."""
    context.eraser.erase(interview_id, actor_of(caller))
