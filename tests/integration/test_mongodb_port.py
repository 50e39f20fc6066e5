"""Tests of the separate port for MongoDB metrics."""

import socket

import httpx2
import pytest

from tests.timing import patience
from worker.local.processes.ports import free_port
from worker.server import open_context
from worker.settings import Settings


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")),
    ],
)
def test_port_uses_the_address_of_the_api(settings: Settings, host: str) -> None:
    port = free_port()
    place = {"api_host": host, "mongodb_metrics_port": port}
    with open_context(settings.model_copy(update=place)):
        shown = f"[{host}]" if ":" in host else host
        answer = httpx2.get(f"http://{shown}:{port}/metrics", timeout=patience(5))
    assert "mongodb_up 1.0" in answer.text
