"""The health checks under `/health`.

Blocking checks run in asyncio's default thread pool, because all threads of the API's pool may be
waiting for a store.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from monitoring.health import HealthReport, HealthStatus
from worker.api.access import authorise, require_operator
from worker.api.context import ContextDep
from worker.api.problems import documented
from worker.ports import Scope

router = APIRouter(prefix="/health", tags=["health"])

_THREAD_TIMEOUT = 1.0
"""Seconds within which a request must get a thread, or the sidecar is not ready."""

_NEVER_STORED = {"Cache-Control": "no-store"}
_REFUSED = documented(401, 403, 422)
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {503: {"description": "The service is down"}}


@router.get("", responses={**_REFUSED, **_UNAVAILABLE})
async def health(
    request: Request,
    context: ContextDep,
    verbose: Annotated[
        bool,
        Query(description="Include details; requires an admin of the tenant `default`"),
    ] = False,
) -> Response:
    """The health of the service and of its dependencies: ok, degraded or down."""
    if verbose:
        # In the API's pool, as it queries the database; asyncio's pool is reserved for monitoring.
        presented = request.headers.get("authorization")
        require_operator(await run_in_threadpool(authorise, context, presented, Scope.ADMIN))
    found = await asyncio.to_thread(context.monitoring.health.check)
    body: dict[str, object] = {
        "status": found.condition,
        "timestamp": found.at.isoformat().replace("+00:00", "Z"),
        "version": request.app.version,
        "uptime": round(context.monitoring.health.uptime, 3),
        "checks": {name: one.condition for name, one in found.checks.items()},
    }
    if verbose:
        process = await asyncio.to_thread(context.monitoring.introspect)
        body |= {"details": _details(found), "process": process}
    return _answer(body, ready=found.condition is not HealthStatus.DOWN)


@router.get("/live")
async def live() -> Response:
    """Liveness: this process responds."""
    return _answer({"status": "ok"}, ready=True)


@router.get("/ready", responses=_UNAVAILABLE)
async def ready(request: Request, context: ContextDep) -> Response:
    """Readiness: interviews can be accepted and processed; otherwise the reasons."""
    if request.app.state.shutting_down.is_set():
        return _answer({"status": "down", "reasons": ["shutting down"]}, ready=False)
    found = await asyncio.to_thread(context.monitoring.health.check)
    reasons = [f"{name} is down" for name in found.missing]
    dead = await asyncio.to_thread(context.monitoring.dead_workers)
    reasons += [f"worker {name} is down" for name in dead]
    if not await _has_free_thread():
        reasons.append("all threads of the API are busy")
    return _answer({"status": "down" if reasons else "ok", "reasons": reasons}, ready=not reasons)


async def _has_free_thread() -> bool:
    """Whether a request would soon get a thread of the API's pool."""
    try:
        async with asyncio.timeout(_THREAD_TIMEOUT):
            await run_in_threadpool(lambda: None)
    except TimeoutError:
        return False
    return True


def _details(found: HealthReport) -> dict[str, object]:
    return {
        name: {"response_time_ms": round(one.seconds * 1000, 1), **one.details}
        for name, one in found.checks.items()
    }


def _answer(body: dict[str, object], *, ready: bool) -> Response:
    return JSONResponse(body, 200 if ready else 503, _NEVER_STORED)
