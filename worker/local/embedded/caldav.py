"""Radicale, a CalDAV server."""

import sys
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path

import httpx2

from worker.local.embedded.server import missing_embedded


class CalDAV:
    """Radicale without authentication, on a loopback port."""

    name = "radicale"
    setting = "CALDAV_URL"

    def argv(self, port: int, data: Path) -> list[str]:
        """The command line of the server."""
        # Run as a separate process and never imported, because it is licensed under the GPL.
        if find_spec("radicale") is None:
            raise missing_embedded("radicale")
        options = {
            "config": "",  # reads no configuration files of the system or the user
            "server-hosts": f"127.0.0.1:{port}",
            "auth-type": "none",
            "rights-type": "owner_only",  # without authentication anyone may access /user/calendar/
            "storage-filesystem-folder": str(data),
            "web-type": "none",
            "logging-level": "warning",
        }
        return [
            sys.executable,
            *("-m", "radicale"),
            *(part for key, value in options.items() for part in (f"--{key}", value)),
        ]

    def url(self, port: int) -> str:
        """The value of `CALDAV_URL`."""
        return f"http://127.0.0.1:{port}/"

    def is_ready(self, url: str) -> bool:
        """Whether the server lists its root collection."""
        try:
            answer = httpx2.request(
                "PROPFIND", url, headers={"Depth": "0"}, timeout=2, trust_env=False
            )
        except httpx2.TransportError:
            return False
        return answer.status_code == HTTPStatus.MULTI_STATUS
