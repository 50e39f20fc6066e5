"""`/metrics`."""

from fastapi import APIRouter, Request, Response

from monitoring.exposition import Exposition
from worker.api.context import Here

router = APIRouter(tags=["monitoring"])


@router.get("/metrics", response_class=Response)
def metrics(request: Request, here: Here) -> Response:
    """Every metric, in Prometheus' text format or, where asked for, as OpenMetrics."""
    exposition = Exposition((here.watching.collector, request.app.state.in_flight))
    body, content_type = exposition.encode(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)
