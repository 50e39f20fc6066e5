"""Errors as RFC 9457 problem documents."""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from tasks.errors import (
    AlreadyExists,
    Erased,
    IllegalTransition,
    InterviewWorkerError,
    InvalidInput,
    NotFound,
    Superseded,
    Transient,
)
from worker.api.headers import HEADERS
from worker.api.methods import allowed
from worker.api.request_log import current_request_id

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[InterviewWorkerError], HTTPStatus], ...] = (
    (Erased, HTTPStatus.GONE),
    (NotFound, HTTPStatus.NOT_FOUND),
    (AlreadyExists, HTTPStatus.CONFLICT),
    (IllegalTransition, HTTPStatus.CONFLICT),
    (Superseded, HTTPStatus.CONFLICT),
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Transient, HTTPStatus.SERVICE_UNAVAILABLE),
)

_STATUS_OF_CODE = {
    "idempotency_key_invalid": HTTPStatus.BAD_REQUEST,
    "idempotency_in_flight": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "not_audio": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "storage_full": HTTPStatus.INSUFFICIENT_STORAGE,
}

_CODE_OF_STATUS = {413: "too_large"}

_RETRY_AFTER = {"Retry-After": "5"}


class FieldError(BaseModel):
    """The error of one field."""

    pointer: str = Field(description="JSON pointer (RFC 6901) of the field")
    detail: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable, machine-readable error code")
    errors: list[FieldError] = []
    request_id: str | None = Field(None, description="Id of the request in the logs")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for the error statuses of a route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


RESPONSES = documented(400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 429, 503, 507)
"""The error responses of all API routes in the OpenAPI document."""


def install(app: FastAPI) -> None:
    """Render every error of an application as a problem document."""
    app.add_exception_handler(InterviewWorkerError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    status: int,
    detail: str,
    code: str,
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A response with a problem document."""
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        errors=list(errors),
        request_id=current_request_id(),
    )
    return JSONResponse(body.model_dump(), status, headers, media_type=MEDIA_TYPE)


def field_errors(errors: Iterable[Mapping[str, Any]], skip: int = 0) -> list[FieldError]:
    """Convert the errors of a pydantic `ValidationError`.

    Args:
        errors: The result of `ValidationError.errors()`.
        skip: The number of leading parts of each location that are not part of the document.
    """
    return [
        FieldError(pointer="".join(f"/{part}" for part in e["loc"][skip:]), detail=e["msg"])
        for e in errors
    ]


def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, InterviewWorkerError)  # noqa: S101 - registered for this class
    status = _STATUS_OF_CODE.get(error.code) or next(
        (status for kind, status in _STATUS if isinstance(error, kind)),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    errors = []
    if isinstance(error, InvalidInput) and error.pointer:
        errors = [FieldError(pointer=error.pointer, detail=error.message)]
    headers = _RETRY_AFTER if isinstance(error, Transient) else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s: %s", error.code, error.message)
    return problem(status, error.message, error.code, errors, headers)


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    errors = field_errors(error.errors(), skip=1)
    detail = "; ".join(f"{e.pointer}: {e.detail}" for e in errors[:3])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, "invalid", errors)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    name = HTTPStatus(error.status_code).name.lower()
    code = _CODE_OF_STATUS.get(error.status_code, name)
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": allowed(request)}
    return problem(error.status_code, error.detail, code, headers=headers)


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    # Starlette handles unexpected errors outside of all middleware, so the headers are added here.
    return problem(status, "an internal error occurred", "internal_error", headers=HEADERS)
