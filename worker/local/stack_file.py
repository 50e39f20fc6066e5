"""The note a running stack leaves in its data directory, by which the command line finds it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import Transient
from worker.settings import Settings


@contextmanager
def published_addresses(settings: Settings, addresses: Mapping[str, str]) -> Iterator[None]:
    """Leave a note of where things are, for as long as the context lasts."""
    file = _file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(dict(addresses), indent=1))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def running_api(settings: Settings) -> str:
    """The address of the API of the stack that runs in this directory.

    Raises:
        Transient: None does.
    """
    address = _address(settings, "api")
    if address is None:
        raise Transient(
            "nothing runs here: start it with `interview-worker up` (or `make worker`), "
            "or set API_URL"
        )
    return address


def running_mongodb(settings: Settings) -> str | None:
    """The address of the embedded MongoDB of the stack that runs here; None where none does."""
    return _address(settings, "mongodb")


def _address(settings: Settings, name: str) -> str | None:
    try:
        address: str = json.loads(_file(settings).read_text())[name]
    except (OSError, ValueError, KeyError):
        return None
    return address


def _file(settings: Settings) -> Path:
    return settings.data_dir / "stack.json"
