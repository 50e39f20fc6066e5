"""Reading of files of metrics that are damaged, killed in the middle of a write, or not known."""

import logging
import random
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monitoring import metrics
from monitoring.collectors.guarded import GuardedCollectors, Source
from monitoring.metrics.exposition import Exposition
from monitoring.metrics.recording import RecordedMetrics, Recorder
from tests.monitoring.figures import Figures, figures_of, parsed
from tests.processes import ROOT

KILLS = 20

_COUNTS = """
import sys
from pathlib import Path
from monitoring import metrics
from monitoring.metrics.recording import Recorder

recorder = Recorder("all@host")
recorder.write_to(Path(sys.argv[1]), "worker-1")
assert recorder.is_recording
number = int(sys.argv[2])
while True:
    number += 1
    # A new series with each event, so that the file grows as well.
    recorder.count(metrics.STAGE_RETRIES, "transcribe", f"reason-{number % 900}")
    print(number, flush=True)
"""


def stored(directory: Path) -> Figures:
    return figures_of(RecordedMetrics(directory))


def record(directory: Path, identity: str, times: int) -> None:
    recorder = Recorder()
    recorder.write_to(directory, identity)
    recorder.count(metrics.SCHEDULINGS, "success", amount=times)
    recorder.close()


def schedulings(found: Figures) -> float | None:
    return found.value(metrics.SCHEDULINGS, "success")


def test_a_process_that_is_killed_in_the_middle_of_a_write_loses_nothing(tmp_path: Path) -> None:
    chance = random.Random(14)
    told = 0
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", _COUNTS, str(tmp_path), str(told)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            *_, last = (first + process.stdout.read()).split()
        found = stored(tmp_path)
        counted = sum(found.by_labels(metrics.STAGE_RETRIES).values())
        # The kill may fall between an event and its line.
        told = int(counted)
        assert int(last) <= told <= int(last) + 1
        assert found.value(metrics.DAMAGED_FILES) == 0


@pytest.mark.parametrize("content", [b"garbage", struct.pack("<7sBII", b"IWMETRC", 9, 16, 0)])
def test_a_damaged_file_loses_its_own_series_only_and_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    record(tmp_path, "worker-1", 3)
    (tmp_path / "worker-2.db").write_bytes(content)
    reader = RecordedMetrics(tmp_path)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            found = figures_of(reader)
            assert schedulings(found) == 3
            assert found.value(metrics.DAMAGED_FILES) == 1
    (line,) = caplog.messages
    assert "worker-2.db" in line


def test_a_file_that_becomes_readable_again_is_named_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = RecordedMetrics(tmp_path)
    record(tmp_path, "worker-1", 3)
    path = tmp_path / "worker-1.db"
    content = path.read_bytes()
    path.write_bytes(content[:7] + b"\x09" + content[8:])
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert schedulings(figures_of(reader)) is None
        path.write_bytes(content)
        for _ in range(2):
            assert schedulings(figures_of(reader)) == 3
    assert len(caplog.messages) == 2
    assert figures_of(reader).value(metrics.DAMAGED_FILES) == 0


def test_counters_do_not_fall_while_a_file_cannot_be_read(tmp_path: Path) -> None:
    reader = RecordedMetrics(tmp_path)
    record(tmp_path, "worker-1", 3)
    record(tmp_path, "worker-2", 4)
    assert schedulings(figures_of(reader)) == 7
    (tmp_path / "worker-2.db").write_bytes(b"garbage")
    assert schedulings(figures_of(reader)) == 7
    # While it is written anew, it has not all series yet.
    Recorder().write_to(tmp_path, "worker-2")
    assert schedulings(figures_of(reader)) == 7
    for path in tmp_path.iterdir():
        path.unlink()
    tmp_path.rmdir()
    assert schedulings(figures_of(reader)) == 7


def test_what_cannot_be_read_is_not_0(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    directory.mkdir()
    record(directory, "worker-1", 3)
    reader = RecordedMetrics(directory)
    source = GuardedCollectors([Source("recorded", reader)])
    initial = [
        (metrics.SCHEDULINGS, ("error",)),
        (metrics.INTERVIEWS, ("failed", "technical")),
        (metrics.QUEUE_WAIT, ("interviews.submit",)),
    ]

    def scrape(*sources: GuardedCollectors) -> Figures:
        return parsed(Exposition(sources, initial=lambda: initial).encode("")[0].decode())

    found = scrape(source)
    assert found.value(metrics.SCHEDULINGS, "error") == 0
    assert found.value(metrics.INTERVIEWS, "failed", "technical") == 0
    assert found.by_labels(metrics.QUEUE_WAIT, "_count")
    # Neither if the source gives no answer in time, nor if the directory is missing.
    assert scrape().samples == {}
    gone = RecordedMetrics(tmp_path / "missing")
    found = scrape(GuardedCollectors([Source("recorded", gone)]))
    assert found.value(metrics.SCHEDULINGS, "error") is None
    assert found.value(metrics.INTERVIEWS, "failed", "technical") is None
    assert not found.by_labels(metrics.QUEUE_WAIT, "_count")
