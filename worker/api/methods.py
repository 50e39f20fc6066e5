"""The methods of a path, for the `Allow` header that a 405 requires (RFC 9110, 15.5.6)."""

from fastapi import Request
from fastapi.routing import iter_route_contexts
from starlette.routing import Match


def allowed(request: Request) -> str:
    """The methods of all routes that match a request's path; Starlette lists only the first's."""
    routes = iter_route_contexts(request.app.routes)
    found = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in found for method in route.methods or ()}))
