"""The sidecar as a process, for black-box tests."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.timing import patience
from worker.local.processes.child import Child
from worker.local.processes.ports import free_port
from worker.settings import Settings

LOOPBACK = "http://127.0.0.1"
"""The URL of the API in tests without a server; an open API answers no other host."""


@contextmanager
def running(name: str, settings: Settings, place: Path, health: str) -> Iterator[Child]:
    """Run a command that serves HTTP, and wait until it responds at a URL."""
    program = [sys.executable, "-c", "from worker.cli import main; main()", name]
    child = Child(name, program, env=settings.environment(), log=place / f"{name}.log")
    child.start()
    try:
        child.wait_until(lambda: answers(health), patience(30))
        yield child
    finally:
        child.kill()


@contextmanager
def serving(settings: Settings, place: Path) -> Iterator[str]:
    """Run the sidecar; yields its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    changed = settings.with_environment({"API_PORT": str(port)})
    with running("server", changed, place, f"{url}/health/live"):
        yield url


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).is_success
    except httpx2.HTTPError:
        return False
