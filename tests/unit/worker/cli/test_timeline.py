"""Tests of the timeline of an interview."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tasks.clock import now
from tasks.interviews.interview import Stage, StageError, StageRecord, Status
from tests.samples import an_interview
from worker.cli.timeline import from_interview, from_logs, render

ID = "9cd8362d-bcf5-4d40-84e9-3702f31122e8"


def test_a_document_tells_waits_runs_and_the_end() -> None:
    start = now()
    error = StageError(code="timeout", message="m", transient=True, attempt=1)
    stages = {
        Stage.TRANSCRIBE: StageRecord(
            attempts=2,
            started_at=start + timedelta(seconds=5),
            finished_at=start + timedelta(seconds=7),
            provider="whisper",
            error=error,
        ),
        Stage.ANALYSE: StageRecord(attempts=1, started_at=start + timedelta(seconds=8)),
        Stage.SCHEDULE: StageRecord(),
    }
    interview = an_interview(created_at=start, status=Status.ANALYSING, stages=stages)
    found = [
        (one.what, one.took.total_seconds() if one.took else None, one.detail)
        for one in from_interview(interview)
    ]
    assert found[1:] == [
        ("waits for transcribe", 5, ""),
        ("transcribe", 2, "attempt 2, by whisper, attempt 1 failed: timeout"),
        ("waits for analyse", 1, ""),
        ("analyse", None, "attempt 1"),
    ]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    ours = {
        "timestamp": "2026-01-01T00:00:02.500Z",
        "level": "WARN",
        "component": "worker-all",
        "interviewId": ID,
        "duration": 500,
        "message": "transcribe ended: retry",
        "error.type": "Transient",
    }
    lines = [json.dumps(ours), json.dumps({**ours, "interviewId": "other"}), f"not JSON: {ID}", "7"]
    (tmp_path / "worker.log").write_text("\n".join(lines))
    (tmp_path / "valkey.log").write_bytes(b"\xff\xfe" + ID.encode())
    return tmp_path


def test_of_all_lines_those_of_the_interview_are_found(logs: Path) -> None:
    (found,) = from_logs(logs, ID)
    assert found.what == "transcribe ended: retry"
    assert found.detail == "WARN worker-all Transient"
    assert (found.at.second, found.took) == (2, timedelta(milliseconds=500))
    assert list(from_logs(logs / "worker.log", ID)) == [found]


def test_moments_are_shown_by_the_time(logs: Path) -> None:
    out = Console(width=120, record=True, file=StringIO())
    out.print(render([*from_logs(logs, ID), *from_interview(an_interview(created_at=now()))]))
    first, second = out.export_text().splitlines()[1:3]
    assert first.split()[:4] == ["+0.000", "s", "0.500", "s"]
    assert "submitted" in second
