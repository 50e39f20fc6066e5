"""The timeline of one interview, built from its document, its log lines and its trace."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from rich.table import Column, Table
from rich.text import Text

from tasks.interviews.interview import Interview, Stage, StageRecord

_COLOURS = {"interview": "bold", "log": "default", "span": "dim"}
_LOUD = {"WARN": "yellow", "ERROR": "red"}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry of a timeline.

    Attributes:
        at: The time at which it happened or began.
        took: Its duration; None if unknown.
        source: interview, log or span.
        what: A description of the entry.
        detail: Further details.
        colour: The colour in which it is shown.
    """

    at: datetime
    took: timedelta | None
    source: str
    what: str
    detail: str = ""
    colour: str = "default"


def from_interview(interview: Interview) -> Iterator[TimelineEntry]:
    """Entries from an interview's document: submission, waits, attempts and end."""
    size = f"{interview.audio.duration:.0f} s of audio"
    yield TimelineEntry(
        interview.created_at, None, "interview", "submitted", f"{interview.type}, {size}"
    )
    before = interview.queued_at
    for stage in Stage:
        record = interview.stages[stage]
        if record.started_at is None:
            break
        if record.started_at > before:
            waited = record.started_at - before
            yield TimelineEntry(before, waited, "interview", f"waits for {stage}")
        yield _run(stage, record, record.started_at)
        before = record.finished_at or before
    if interview.finished_at is not None:
        lasted = interview.finished_at - interview.queued_at
        yield TimelineEntry(
            interview.finished_at, lasted, "interview", str(interview.status), "in all"
        )


def _run(stage: Stage, record: StageRecord, started: datetime) -> TimelineEntry:
    took = record.finished_at - started if record.finished_at else None
    known = [f"attempt {record.attempts}"]
    if record.provider is not None:
        known.append(f"by {record.provider}")
    if record.error is not None:
        known.append(f"attempt {record.error.attempt} failed: {record.error.code}")
    colour = "red" if took is None and record.error else "default"
    return TimelineEntry(started, took, "interview", stage, ", ".join(known), colour)


def from_logs(logs: Path, interview_id: str) -> Iterator[TimelineEntry]:
    """Entries from log lines.

    Args:
        logs: A file with JSON lines, or a directory of such files; other lines are skipped.
        interview_id: The interview.
    """
    for file in sorted(logs.glob("*.log")) if logs.is_dir() else [logs]:
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from (_line(json.loads(one)) for one in lines if _is_about(one, interview_id))


def _is_about(line: str, interview_id: str) -> bool:
    if interview_id not in line:
        return False
    try:
        fields = json.loads(line)
    except ValueError:
        return False
    return (
        isinstance(fields, dict)
        and fields.get("interviewId") == interview_id
        and isinstance(fields.get("timestamp"), str)
    )


def _line(fields: dict[str, object]) -> TimelineEntry:
    at = datetime.fromisoformat(str(fields["timestamp"]))
    duration = fields.get("duration")
    took = timedelta(milliseconds=duration) if isinstance(duration, int | float) else None
    # A line with a duration is written at the end of that duration.
    began = at - took if took else at
    level = str(fields.get("level", ""))
    detail = " ".join(str(fields[name]) for name in ("component", "error.type") if name in fields)
    colour = _LOUD.get(level, "default")
    return TimelineEntry(
        began, took, "log", str(fields.get("message", "")), f"{level} {detail}", colour
    )


def render(moments: Iterable[TimelineEntry]) -> Table:
    """A table of the entries in order of time, with the seconds since the first entry."""
    ordered: Sequence[TimelineEntry] = sorted(moments, key=lambda one: one.at)
    table = Table(
        Column("at", justify="right", no_wrap=True),
        Column("took", justify="right", no_wrap=True),
        "from",
        Column("what", overflow="fold"),
        Column("", style="dim", overflow="fold"),
        box=None,
    )
    for one in ordered:
        since = one.at - ordered[0].at
        table.add_row(
            f"+{since.total_seconds():.3f} s",
            "" if one.took is None else f"{one.took.total_seconds():.3f} s",
            Text(one.source, style=_COLOURS[one.source]),
            Text(one.what, style=one.colour),
            Text(one.detail),
        )
    return table
