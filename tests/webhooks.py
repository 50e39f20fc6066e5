"""A webhook receiver that verifies signatures with the Standard Webhooks library."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

Answer = tuple[int, dict[str, str]]


@dataclass
class Receiver:
    """The received requests, and the responses to send."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    """Those that were accepted."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of every request."""
    answer: Callable[[dict[str, Any]], Answer] = lambda _: (204, {})
    secret: str = SECRET

    @property
    def attempts(self) -> int:
        return len(self.headers)

    @property
    def types(self) -> list[str]:
        return [event["type"].removeprefix("interview.") for event in self.events]

    def take(self, body: bytes, headers: dict[str, str]) -> Answer:
        self.headers.append(headers)
        event = Webhook(self.secret).verify(body, headers)
        assert event["id"] == headers["webhook-id"]
        answer = self.answer(event)
        if 200 <= answer[0] < 300:
            self.events.append(event)
        return answer


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver on the loopback address while the context is active."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more = receiver.take(self.rfile.read(length), headers)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
