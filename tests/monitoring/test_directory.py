"""Membership of the metrics directory, its slots, and detection of live processes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitoring import metrics
from monitoring.metrics.directory import SIDECAR, WORKER, Place, damaged_files, joined, slots
from monitoring.metrics.files import set_aside
from monitoring.metrics.recording import RecordedMetrics
from tests.monitoring.figures import figures_of
from tests.processes import ROOT, wait_until

_MEMBER = """
import sys
from pathlib import Path
from monitoring.metrics.directory import WORKER, Place
place = Place(Path(sys.argv[1]), WORKER, sys.argv[2])
place.check()
print(place.slot, place.label, flush=True)
sys.stdin.read()
"""


@contextmanager
def member(directory: Path, owner: str) -> Iterator[tuple[str, str]]:
    """Another process with a slot, which is killed at the end; its slot and its label."""
    with subprocess.Popen(
        [sys.executable, "-c", _MEMBER, str(directory), owner],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        try:
            slot, label = process.stdout.readline().split()
            yield slot, label
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    directory = tmp_path / "metrics"
    with joined(directory):
        (directory / "worker-1.db").write_bytes(b"figures")
        (directory / "worker-1.heartbeat").write_text("{}")
    return directory


def kept(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.suffix != ".lock"}


def test_the_first_to_come_empties_it(figures: Path) -> None:
    with joined(figures):
        assert not kept(figures)


def test_it_is_never_emptied_while_somebody_serves_from_it(figures: Path) -> None:
    with joined(figures):
        (figures / "worker-1.db").write_bytes(b"figures")
        with joined(figures):
            pass
        with member(figures, "all@one"):
            assert kept(figures) == {"worker-1.db"}


def test_a_second_worker_of_a_name_is_told_from_the_first_and_its_children(figures: Path) -> None:
    with joined(figures), member(figures, "all@one") as first, member(figures, "all@one") as second:
        assert first == ("worker-1", "all")
        assert second == ("worker-2", "all#worker-2")


def test_a_slot_is_taken_over_from_a_dead_worker(figures: Path) -> None:
    with joined(figures):
        with member(figures, "all@one"):
            (slot,) = slots(figures)
            assert slot.held
        wait_until(lambda: not slots(figures)[0].held)
        with member(figures, "all@two") as (name, _):
            assert name == "worker-1"
            (slot,) = slots(figures)
            assert slot.owners == ("all@one", "all@two")
        # Its series are those of the second worker now, so it begins with new ones.
        with member(figures, "all@one") as (name, _):
            assert name == "worker-2"
        with member(figures, "all@one") as (name, _):
            assert name == "worker-2"
        with member(figures, "other@three") as (name, _):
            assert name == "worker-1"


def test_files_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    directory.mkdir()
    foreign = ("customers.db", "app.lock", "app-1.lock", "worker-1.db.bak", "monitor.heartbeat")
    for name in foreign:
        (directory / name).write_bytes(b"SQLite format 3")
    with joined(directory), member(directory, "all@one"):
        found = figures_of(RecordedMetrics(directory))
        assert found.value(metrics.DAMAGED_FILES) == 0
        for name in foreign:
            assert (directory / name).read_bytes() == b"SQLite format 3"
        assert [slot.name for slot in slots(directory)] == ["worker-1"]


def test_a_worker_is_told_from_a_sidecar_of_its_name(tmp_path: Path) -> None:
    with joined(tmp_path), member(tmp_path, "all@one"):
        place = Place(tmp_path, SIDECAR, "all@one")
        place.check()
        assert (place.slot, place.label) == ("sidecar-1", "all#sidecar-1")
        place.leave()


def test_a_damaged_file_may_be_set_aside_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "worker-1.db"
    for _ in range(4):
        path.write_text("not a file of metrics")
        set_aside(path)
        (path / "with").mkdir(parents=True)
        set_aside(path)
    names = {found.name for found in damaged_files(tmp_path)}
    assert "worker-1.db.damaged" in names
    assert len(names) == 5


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00garbage", b"\n\n"])
def test_a_lock_that_cannot_be_read_is_taken(figures: Path, content: bytes) -> None:
    with joined(figures):
        (figures / "worker-1.lock").write_bytes(content)
        with member(figures, "all@one") as (name, _):
            assert name == "worker-1"
            assert [slot.owner for slot in slots(figures)] == ["all@one"]


def test_what_is_in_place_of_locks_does_not_stop_a_worker(tmp_path: Path) -> None:
    for name in ("members.lock", "claims.lock", "worker-1.lock"):
        (tmp_path / name).mkdir()
    with member(tmp_path, "all@one") as (name, _):
        assert name == "worker-2"


def test_a_slot_is_claimed_again_after_the_directory_was_removed(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    place = Place(directory, WORKER, "all@one")
    place.check()
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    place.check()
    (slot,) = slots(directory)
    assert (slot.name, slot.owner, slot.held) == ("worker-1", "all@one", True)
    place.leave()
