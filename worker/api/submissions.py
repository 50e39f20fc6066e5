"""Reading what is posted: a recording with its particulars, or particulars with an `audio_url`."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from tasks.errors import InvalidAudio, InvalidInput
from tasks.interview import Interview, Source, Submission
from worker.adapters.fetch import fetched
from worker.adapters.scratch import scratch_file, space_needed
from worker.intake import Intake
from worker.requests import UrlSubmission

Model = TypeVar("Model", bound=BaseModel)

_MAX_JSON = 256 * 1024
"""Bytes of JSON that any submission fits into."""


async def accept(request: Request, intake: Intake, source: Source) -> Interview:
    """Take in the interview that a request posts.

    Raises:
        InvalidInput: It cannot be used.
        Transient: A server is away.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        async with _form(request) as form:
            return await run_in_threadpool(_accept_upload, form, intake, source)
    if media_type == "application/json":
        body = await _body(request)
        return await run_in_threadpool(_accept_url, body, intake, source)
    raise InvalidInput(
        "post multipart/form-data with audio and interview, or application/json with audio_url",
        code="unsupported_media_type",
    )


def _accept_upload(form: FormData, intake: Intake, source: Source) -> Interview:
    upload, particulars = form.get("audio"), form.get("interview")
    if not isinstance(upload, UploadFile):
        raise InvalidAudio("the part `audio` with the recording is missing")
    if not isinstance(particulars, str):
        raise InvalidInput("the part `interview` with the JSON is missing", pointer="/interview")
    submission = _parse(Submission, particulars)
    # Refused before a large recording is copied.
    intake.check(submission)
    name = Path(upload.filename or "recording").name[:255]
    with scratch_file() as (file, recording):
        # Decoders open a recording more than once, and the form's file may be in memory.
        shutil.copyfileobj(upload.file, file, 1 << 20)
        file.flush()
        return intake.accept(submission, recording, name=name, source=source)


def _accept_url(body: bytes, intake: Intake, source: Source) -> Interview:
    wanted = _parse(UrlSubmission, body)
    intake.check(wanted.submission)
    with fetched(wanted.audio_url, **intake.fetch_limits) as (recording, name):
        return intake.accept(wanted.submission, recording, name=name, source=source)


def _parse(model: type[Model], text: str | bytes) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        problems: list[dict[str, Any]] = [
            {**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()
        ]
        raise RequestValidationError(problems) from None


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    with space_needed():
        async with request.form(max_files=1, max_fields=1, max_part_size=_MAX_JSON) as form:
            yield form


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_JSON:
            raise InvalidInput(f"the JSON is larger than {_MAX_JSON} bytes", code="too_large")
    return body
