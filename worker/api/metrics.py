"""The metrics endpoint, `/metrics`."""

import asyncio
from collections.abc import Iterable
from functools import partial

from fastapi import APIRouter, FastAPI, Request, Response

from monitoring.metrics.exposition import Exposition
from monitoring.metrics.initial import Series
from worker.api.context import Context, ContextDep
from worker.api.templates import routes_of
from worker.telemetry.series import configured_series, worker_series

router = APIRouter(tags=["monitoring"])


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, context: ContextDep) -> Response:
    """All metrics, in the Prometheus text format, or as OpenMetrics by content negotiation."""
    # Not in the API's thread pool, whose threads may all be waiting for a store.
    accept = request.headers.get("accept", "")
    body, content_type = await asyncio.to_thread(_encode, request.app, context, accept)
    return Response(body, media_type=content_type)


def _encode(app: FastAPI, context: Context, accept: str) -> tuple[bytes, str]:
    if app.state.configured_series is None:
        # Once, at the first scrape: the routes are those of the OpenAPI document, which is slow to
        # generate, and a price list that is replaced later must not end all metrics.
        app.state.configured_series = tuple(configured_series(context.settings, routes_of(app)))
    sources = context.monitoring.collector, app.state.in_flight
    return Exposition(sources, initial=partial(_initial, app, context)).encode(accept)


def _initial(app: FastAPI, context: Context) -> Iterable[Series]:
    return (*app.state.configured_series, *worker_series(context.monitoring.workers()))
