"""Path templates and statuses of the API's routes, used as labels of request metrics."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import Scope

from monitoring.metrics.initial import Route

UNMATCHED = "unmatched"

_ALWAYS = ("499", "500")
"""Statuses of any route: the client disconnected, or the handler failed."""


def templates_of(app: FastAPI) -> Callable[[Scope], str]:
    """Make a function that returns the path template of the route that matches a request.

    The routes are read at the first request, when all of them have been added.

    Returns:
        A function from an ASGI scope to a template such as `/api/v1/interviews/{interview_id}`, or
        `unmatched` if no route matches.
    """
    routes: list[tuple[Callable[[Scope], tuple[Match, Scope]], str]] = []

    def template(scope: Scope) -> str:
        if not routes:
            found = iter_route_contexts(app.routes)
            routes.extend((route.matches, str(route.path_format)) for route in found)
        partial = UNMATCHED
        for matches, path in routes:
            match, _ = matches(scope)
            if match is Match.FULL:
                return path
            if match is Match.PARTIAL and partial is UNMATCHED:
                partial = path
        return partial

    return template


def routes_of(app: FastAPI) -> tuple[Route, ...]:
    """The documented routes of an application, with the statuses of their responses."""
    return tuple(
        Route(path, method.upper(), tuple(sorted({*operation["responses"], *_ALWAYS})))
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    )
