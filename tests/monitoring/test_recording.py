"""Metrics in files that outlive the recording processes."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from monitoring import metrics
from monitoring.metrics.definitions import Counter, Histogram
from monitoring.metrics.exposition import Exposition
from monitoring.metrics.recording import RecordedMetrics, Recorder
from tests.monitoring.figures import figures_of

parse_open: Any = text_string_to_metric_families

LABELS = ("whisper", "success")


def in_another_process(directory: Path, identity: str, times: int, *, killed: bool) -> None:
    """Count in another process, which then exits or is killed."""

    process = multiprocessing.get_context("spawn").Process(
        target=work, args=(directory, identity, times, killed)
    )
    process.start()
    process.join()


def work(directory: Path, identity: str, times: int, killed: bool) -> None:
    recorder = Recorder()
    recorder.write_to(directory, identity)
    for _ in range(times):
        recorder.count(metrics.TRANSCRIPTIONS, *LABELS)
        recorder.observe(metrics.TRANSCRIPTION_DURATION, 2.0, "whisper")
    if killed:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("killed", [False, True])
def test_who_takes_a_place_goes_on_from_its_figures(tmp_path: Path, killed: bool) -> None:
    for _ in range(3):
        in_another_process(tmp_path, "worker-0", 5, killed=killed)
    in_another_process(tmp_path, "worker-1", 1, killed=killed)
    found = figures_of(RecordedMetrics(tmp_path))
    assert found.value(metrics.TRANSCRIPTIONS, *LABELS) == 16
    assert found.count(metrics.TRANSCRIPTION_DURATION, "whisper") == 16
    assert found.sum(metrics.TRANSCRIPTION_DURATION, "whisper") == 32
    assert len(list(tmp_path.iterdir())) == 2


def test_figures_may_be_read_while_they_are_written(tmp_path: Path) -> None:
    writer = threading.Thread(
        target=in_another_process, args=(tmp_path, "worker", 20_000), kwargs={"killed": False}
    )
    writer.start()
    last = 0.0
    while writer.is_alive():
        now = figures_of(RecordedMetrics(tmp_path)).value(metrics.TRANSCRIPTIONS, *LABELS) or 0
        assert now >= last
        last = now
    writer.join()
    found = figures_of(RecordedMetrics(tmp_path))
    assert found.value(metrics.TRANSCRIPTIONS, *LABELS) == 20_000


def test_a_counter_of_a_histogram_is_read_off_it() -> None:
    recorder = Recorder()
    recorder.observe(metrics.INTERVIEW_DURATION, 7, "success", "screening")
    found = figures_of(recorder)
    assert found.value(metrics.INTERVIEWS, "success", "screening") == 1


def test_every_metric_is_shown_with_type_help_and_unit() -> None:
    text, _ = Exposition([Recorder()]).encode("application/openmetrics-text; version=1.0.0")
    shown = {family.name: family for family in parse_open(text.decode())}
    assert len(shown) == len(metrics.ALL)
    for definition in metrics.ALL:
        family = shown[definition.family]
        assert family.type == definition.kind
        assert family.documentation == definition.help
        assert family.unit == definition.unit
        assert definition.help.endswith(".")


def test_a_histogram_can_be_read_in_both_formats() -> None:
    recorder = Recorder()
    for seconds in (0.5, 7, 1000):
        recorder.observe(metrics.INTERVIEW_DURATION, seconds, "success", "screening")
    for accept, parse in (("", parse_plain), ("application/openmetrics-text", parse_open)):
        text, _ = Exposition([recorder]).encode(accept)
        shown = {family.name: family for family in parse(text.decode())}
        samples = shown["interview_processing_duration_seconds"].samples
        buckets = {sample.labels["le"]: sample.value for sample in samples if "le" in sample.labels}
        assert buckets == {
            "1.0": 1,
            "5.0": 1,
            "10.0": 2,
            "30.0": 2,
            "60.0": 2,
            "120.0": 2,
            "300.0": 2,
            "+Inf": 3,
        }


def test_counters_and_histograms_have_distinct_families() -> None:
    families = [definition.family for definition in metrics.ALL]
    assert len(families) == len(set(families))
    for definition in metrics.ALL:
        if isinstance(definition, Counter):
            assert definition.name.endswith("_total")
            assert definition.counts is None or definition.counts.labels == definition.labels
        if isinstance(definition, Histogram):
            assert list(definition.buckets) == sorted(set(definition.buckets))
