"""Tests of a sidecar without disk space for recordings."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pymongo
import pytest

from tasks.errors import Permanent
from tests.clips import noise
from tests.requirements import needs
from tests.stack import RunningStack, running_services
from worker.local.stack import Stack, services
from worker.local.supervisor import Service

PARTICULARS = {
    "type": "screening",
    "candidate": {"name": "A", "email": "a@example.com"},
    "consent": {"id": "c", "at": "2026-01-01T00:00:00Z"},
}
APART = ["unshare", "--user", "--map-root-user", "--mount"]
"""Runs a program in new namespaces, in which an ordinary user may mount (unshare(1))."""


def can_mount() -> bool:
    mount = [*APART, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningStack]:
    if not can_mount():
        pytest.skip("NO DISK CAN BE MADE FULL HERE: namespaces are not allowed")
    small = tmp_path / "small"
    small.mkdir()

    def chosen(stack: Stack) -> list[Service]:
        sidecar, *_ = services(stack, flower=False)
        script = f'mount -t tmpfs -o size=2m tmpfs {small} && exec "$@"'
        argv = [*APART, "sh", "-c", script, "sh", *sidecar.argv]
        return [replace(sidecar, argv=argv, env={**sidecar.env, "TMPDIR": str(small)})]

    with running_services(tmp_path / "data", chosen) as stack:
        yield stack


@needs("unshare")
def test_upload_to_a_full_disk_is_rejected_without_leftovers(
    running: RunningStack, tmp_path: Path
) -> None:
    with pytest.raises(Permanent, match="storage_full, 507"):
        running.api.submit(noise(tmp_path / "long.wav", seconds=100), PARTICULARS)
    assert stored(running) == {"interviews": 0, "audio.files": 0, "audio.chunks": 0}
    running.api.submit(noise(tmp_path / "short.wav"), PARTICULARS)
    assert stored(running)["audio.files"] == 1


def stored(running: RunningStack) -> dict[str, int]:
    url = running.settings.mongodb_url
    assert url is not None
    names = ("interviews", "audio.files", "audio.chunks")
    with pymongo.MongoClient[dict[str, object]](url.get_secret_value()) as client:
        database = client.get_default_database("interviews")
        return {name: database[name].count_documents({}) for name in names}
