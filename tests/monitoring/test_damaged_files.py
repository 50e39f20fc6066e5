"""Damaged files of metrics: the work goes on, and no figure is lost."""

import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.monitoring.plain_worker import create
from tests.monitoring.site import NAME, Site, working
from tests.processes import wait_for
from worker.local.embedded.servers import EmbeddedServers


def truncate(path: Path) -> None:
    os.truncate(path, 100)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def replace_by_another_version(path: Path) -> None:
    path.write_bytes(struct.pack("<7sBII", b"IWMETRC", 2, 16, 0))


def replace_by_a_database(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"SQLite format 3\0" + bytes(4080))


def replace_by_a_directory(path: Path) -> None:
    path.unlink()
    (path / "with").mkdir(parents=True)


def replace_by_a_link(path: Path) -> None:
    target = path.parent.parent / f"{path.name}.target"
    target.write_text("of another program")
    path.unlink()
    path.symlink_to(target)


def replace_by_a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def replace_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_a_socket(path: Path) -> None:
    path.unlink()
    here = Path.cwd()
    # The path of a socket may have about 100 characters only.
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as found:
            found.bind(path.name)
    finally:
        os.chdir(here)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("damaged")
    with EmbeddedServers(place / "valkey", {"valkey"}) as servers:
        app = create(servers["REDIS_URL"])
        with working(app, place / "figures", place) as site:
            yield site


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        empty,
        overwrite,
        replace_by_another_version,
        replace_by_a_database,
        replace_by_a_directory,
        replace_by_a_link,
        replace_by_a_link_to_itself,
        replace_by_a_pipe,
        replace_by_a_socket,
    ],
)
def test_damaged_files_are_set_aside_and_written_anew(
    site: Site, damage: Callable[[Path], None]
) -> None:
    site.run(5)
    site.counts_all()
    damaged = [*site.directory.glob("*.db"), *site.directory.glob("*.heartbeat")]
    assert len(damaged) == 4
    for path in damaged:
        damage(path)
    site.counts_all()
    site.run(5)
    site.counts_all()
    names = {(NAME,), (f"{NAME}-0",), (f"{NAME}-1",)}
    wait_for(site.recording, dict.fromkeys(names, 1), 20)
    wait_for(site.counted_anew, site.sent, 20)
    for target in site.directory.parent.glob("*.target"):
        assert target.read_text() == "of another program"
