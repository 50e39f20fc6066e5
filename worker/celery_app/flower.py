"""Protection of Flower against web pages."""

from typing import Any


def protect_flower() -> None:
    """Let Flower refuse requests of foreign web pages; for a Flower without authentication.

    Flower checks the origin only if it requires authentication.
    """
    from flower import command
    from flower.app import Flower
    from tornado.httputil import HTTPServerRequest
    from tornado.web import ErrorHandler

    from worker.security.browsers import reason_to_refuse

    class ProtectedFlower(Flower):  # type: ignore[misc]
        def find_handler(self, request: HTTPServerRequest, **options: Any) -> Any:
            if reason_to_refuse(request.method or "", request.headers.get) is not None:
                return self.get_handler_delegate(request, ErrorHandler, {"status_code": 403})
            return super().find_handler(request, **options)

    command.Flower = ProtectedFlower
