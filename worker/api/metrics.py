"""The metrics endpoint, `/metrics`."""

import asyncio

from fastapi import APIRouter, Request, Response

from monitoring.metrics.exposition import Exposition
from worker.api.context import ContextDep

router = APIRouter(tags=["monitoring"])


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, context: ContextDep) -> Response:
    """All metrics, in the Prometheus text format, or as OpenMetrics by content negotiation."""
    exposition = Exposition((context.monitoring.collector, request.app.state.in_flight))
    # Not in the API's thread pool, whose threads may all be waiting for a store.
    accept = request.headers.get("accept", "")
    body, content_type = await asyncio.to_thread(exposition.encode, accept)
    return Response(body, media_type=content_type)
