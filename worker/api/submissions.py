"""Parsing of submissions: a multipart upload, or JSON with an `audio_url`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from tasks.errors import InvalidAudio, InvalidInput, Transient
from tasks.interviews.interview import Interview, Source, Submission
from worker.adapters.http.download import download
from worker.adapters.scratch import mapped_disk_errors, scratch_file
from worker.intake.idempotency import Accepted, IdempotencyGuard
from worker.intake.service import Intake
from worker.ports import UrlSubmission

Model = TypeVar("Model", bound=BaseModel)

_MAX_JSON = 256 * 1024
"""Maximum size of a submission's JSON, in bytes."""

_CHUNK = 1 << 20
"""Bytes of a recording that are copied per read."""

_MIN_RATE = 4 << 20
"""The slowest rate, in bytes per second, at which a recording is probed and stored."""

FETCHES = 8
"""The number of recordings that are fetched at a time, of the 40 threads of the API."""

_LATENCY = timedelta(seconds=60)
"""The longest time that all other steps take."""

ACCEPTED_HEADERS = {
    "Location": {"description": "URL of the interview", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds after which to poll the interview",
        "schema": {"type": "integer"},
    },
    "Idempotent-Replayed": {
        "description": "`true` if a request with this Idempotency-Key was accepted before",
        "schema": {"type": "string"},
    },
}
"""The headers of a 202 response, for the OpenAPI document."""


async def accept(
    request: Request, intake: Intake, once: IdempotencyGuard, source: Source
) -> Accepted:
    """Accept the interview that a request submits, at most once for each idempotency key.

    Raises:
        InvalidInput: The request is invalid, or its key belongs to a different request.
        Transient: A server is unavailable, or the same request is in progress.
        Erased: The interview was accepted before and has been erased.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        async with _form(request) as form:
            return await run_in_threadpool(_accept_upload, form, intake, once, source)
    if media_type == "application/json":
        body = await _body(request)
        async with _turn(request.app.state.fetches, longest=intake.download_limits["timeout"]):
            return await run_in_threadpool(_accept_url, body, intake, once, source)
    raise InvalidInput(
        "post multipart/form-data with audio and interview, or application/json with audio_url",
        code="unsupported_media_type",
    )


@asynccontextmanager
async def _turn(fetches: asyncio.Semaphore, longest: float) -> AsyncIterator[None]:
    """Wait for one of the few places for fetches, so that they leave threads for other requests.

    Raises:
        Transient: There was none in time.
    """
    try:
        async with asyncio.timeout(longest):
            await fetches.acquire()
    except TimeoutError:
        raise Transient("too many recordings are being fetched", code="busy") from None
    try:
        yield
    finally:
        fetches.release()


def _accept_upload(
    form: FormData, intake: Intake, once: IdempotencyGuard, source: Source
) -> Accepted:
    upload, payload = form.get("audio"), form.get("interview")
    if not isinstance(upload, UploadFile):
        raise InvalidAudio("the part `audio` (the recording) is missing")
    if not isinstance(payload, str):
        raise InvalidInput("the part `interview` (JSON) is missing", pointer="/interview")
    submission = _parse(Submission, payload)
    if once.key is None:
        # Reject it before a large recording is copied. A request with a key may have been accepted
        # earlier, when it was valid, and must then be replayed.
        intake.check(submission)
    name = Path(upload.filename or "recording").name[:255]
    with scratch_file() as (file, recording):
        # Decoders open a recording more than once, so they need a path; the form's file may be in
        # memory.
        digest = sha256(_canonical(submission))
        while piece := upload.file.read(_CHUNK):
            digest.update(piece)
            file.write(piece)
        file.flush()

        def create(interview_id: str | None) -> Interview:
            return intake.accept(
                submission, recording, name=name, source=source, interview_id=interview_id
            )

        return once.accept(digest.hexdigest(), create, within=_stored_within(file.tell()))


def _accept_url(body: bytes, intake: Intake, once: IdempotencyGuard, source: Source) -> Accepted:
    wanted = _parse(UrlSubmission, body)

    def create(interview_id: str | None) -> Interview:
        intake.check(wanted.submission)
        with download(wanted.audio_url, **intake.download_limits) as (recording, name):
            return intake.accept(
                wanted.submission, recording, name=name, source=source, interview_id=interview_id
            )

    limits = intake.download_limits
    within = _stored_within(limits["max_bytes"]) + timedelta(seconds=limits["timeout"])
    return once.accept(sha256(_canonical(wanted)).hexdigest(), create, within=within)


def _stored_within(size: int) -> timedelta:
    return _LATENCY + timedelta(seconds=size / _MIN_RATE)


def _canonical(submission: Submission) -> bytes:
    """A normal form of a request, independent of its formatting."""
    # Without defaults, so that the fingerprint does not change when a release adds a field.
    return submission.model_dump_json(exclude_unset=True).encode()


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
    with mapped_disk_errors():
        async with request.form(max_files=1, max_fields=1, max_part_size=_MAX_JSON) as form:
            yield form


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_JSON:
            raise InvalidInput(f"the JSON is larger than {_MAX_JSON} bytes", code="too_large")
    return body
