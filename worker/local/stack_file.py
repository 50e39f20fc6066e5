"""The file with the addresses of a running stack, through which the command line finds it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import Transient
from worker.settings import Settings


@contextmanager
def published_addresses(settings: Settings, addresses: Mapping[str, str]) -> Iterator[None]:
    """Write the addresses to the stack file, and remove it when the context exits."""
    file = _file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(dict(addresses), indent=1))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def running_api(settings: Settings) -> str:
    """The URL of the API of the stack that runs in this directory.

    Raises:
        Transient: No stack is running.
    """
    address = _address(settings, "api")
    if address is None:
        raise Transient(
            "no stack is running here: start one with `interview-worker up` (or `make worker`), "
            "or set API_URL"
        )
    return address


def running_mongodb(settings: Settings) -> str | None:
    """The URL of the embedded MongoDB of the stack that runs here; None if none is running."""
    return _address(settings, "mongodb")


def _address(settings: Settings, name: str) -> str | None:
    try:
        address: str = json.loads(_file(settings).read_text())[name]
    except (OSError, ValueError, KeyError):
        return None
    return address


def _file(settings: Settings) -> Path:
    return settings.data_dir / "stack.json"
