"""Membership of the metrics directory, and detection of live processes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitoring.metrics.directory import claimed, is_claimed, joined
from tests.processes import ROOT, wait_until

_MEMBER = """
import sys
from pathlib import Path
from monitoring.metrics.directory import claimed, joined
directory = Path(sys.argv[1])
with joined(directory), claimed(directory, "worker") as name:
    print(name, flush=True)
    sys.stdin.read()
"""


@contextmanager
def member(directory: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that joins, and the name that it has claimed."""
    with subprocess.Popen(
        [sys.executable, "-c", _MEMBER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    directory = tmp_path / "metrics"
    with joined(directory):
        (directory / "counter_worker.db").write_bytes(b"figures")
        (directory / "worker.json").write_text("{}")
    return directory


def kept(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.suffix != ".lock"}


def test_the_first_to_come_empties_it(figures: Path) -> None:
    with joined(figures):
        assert not kept(figures)


def test_it_is_never_emptied_while_somebody_serves_from_it(figures: Path) -> None:
    with joined(figures):
        (figures / "counter_worker.db").write_bytes(b"figures")
        with joined(figures):
            pass
        with member(figures):
            assert kept(figures) == {"counter_worker.db"}


def test_names_are_given_once(figures: Path) -> None:
    with joined(figures), member(figures) as (_, name):
        assert name == "worker"
        with claimed(figures, "worker") as second:
            assert second == "worker-2"


def test_a_name_is_free_again_however_its_process_ended(figures: Path) -> None:
    with joined(figures):
        with member(figures) as (process, name):
            assert is_claimed(figures, name)
            process.send_signal(signal.SIGKILL)
            wait_until(lambda: not is_claimed(figures, name))
        with claimed(figures, "worker") as again:
            assert again == name
        assert not is_claimed(figures, "nobody")
