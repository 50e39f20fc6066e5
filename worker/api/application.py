"""The ASGI application."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from pydantic.json_schema import models_json_schema
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware

from monitoring.http import HttpMonitor, RequestsInFlight
from monitoring.metrics.recording import Recorder
from tasks.interviews.interview import Submission
from worker.api import audit, health, interviews, log_level, metrics, problems, submissions
from worker.api.browsers import BrowserGuard
from worker.api.context import Context
from worker.api.headers import SecurityHeaders
from worker.api.limits import BodyLimit
from worker.api.request_log import RequestLog
from worker.api.templates import templates_of
from worker.api.token import TokenGuard
from worker.ports import UrlSubmission
from worker.settings import Settings

OpenContext = Callable[[Settings], AbstractContextManager[Context]]


def create_api(
    settings: Settings, open_context: OpenContext, recorder: Recorder | None = None
) -> FastAPI:
    """The API as an ASGI application.

    Args:
        settings: The settings.
        open_context: Opens the adapters when the application starts, and closes them at its end.
        recorder: Records the request metrics; by default a new one in memory.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context = open_context(settings)
        app.state.context = await run_in_threadpool(context.__enter__)
        try:
            yield
        finally:
            await run_in_threadpool(context.__exit__, None, None, None)

    app = FastAPIOffline(
        title="Interview Worker",
        version=version("interview-worker"),
        description="Transcribes and analyses recorded interviews, and schedules the follow-up.",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.include_router(interviews.router)
    app.include_router(audit.router)
    app.include_router(log_level.router)
    app.include_router(metrics.router)
    app.include_router(health.router)
    app.add_middleware(TokenGuard, token=settings.metrics_token, path="/metrics")
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_upload_bytes,
        uploads=interviews.router.prefix,
        timeout=settings.body_timeout,
    )
    if not settings.keys_required:
        app.add_middleware(BrowserGuard)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.add_middleware(SecurityHeaders)
    app.state.shutting_down = threading.Event()
    app.state.fetches = asyncio.Semaphore(submissions.FETCHES)
    app.state.in_flight = RequestsInFlight()
    app.state.configured_series = None
    # The middleware added last is the outermost.
    app.add_middleware(
        HttpMonitor,
        recorder=recorder or Recorder(),
        in_flight=app.state.in_flight,
        template=templates_of(app),
    )
    app.add_middleware(RequestLog, template=templates_of(app))
    problems.install(app)

    _complete_documentation(app)
    return app


def _complete_documentation(app: FastAPI) -> None:
    """Add the parts of the OpenAPI document that FastAPI cannot derive.

    These are the problem documents and the body of `POST /api/v1/interviews`, which the route
    reads itself because it streams the body.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            _, definitions = models_json_schema(
                [(one, "validation") for one in (Submission, UrlSubmission, problems.Problem)],
                ref_template="#/components/schemas/{model}",
            )
            known = schema["components"]["schemas"]
            for name, definition in definitions["$defs"].items():
                known.setdefault(name, definition)
            schema["paths"][interviews.router.prefix]["post"]["requestBody"] = _SUBMISSION_BODY
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


_SUBMISSION_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["audio", "interview"],
                "properties": {
                    "audio": {"type": "string", "format": "binary"},
                    "interview": {"$ref": "#/components/schemas/Submission"},
                },
            },
            "encoding": {"interview": {"contentType": "application/json"}},
        },
        "application/json": {"schema": {"$ref": "#/components/schemas/UrlSubmission"}},
    },
}
