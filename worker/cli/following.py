"""A progress display for one interview."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tasks.interviews.interview import Interview, Stage, StageRecord, Status
from worker.cli.client import ApiClient

_POLL = 0.3
"""Seconds between two polls."""


def follow(api: ApiClient, interview: Interview, out: Console) -> Interview:
    """Show an interview's progress until it reaches a final status.

    Returns:
        The interview in its final status.
    """
    columns = (
        TextColumn("{task.description:<11}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=out) as progress:
        bars = {stage: progress.add_task(stage, total=100.0, note="") for stage in Stage}
        while True:
            for stage, bar in bars.items():
                record = interview.stages[stage]
                if record.started_at and not progress.tasks[bar].finished:
                    progress.update(bar, completed=record.progress, note=_note(interview, stage))
            if interview.status.final:
                return interview
            time.sleep(_POLL)
            interview = api.get(interview.id)


def _note(interview: Interview, stage: Stage) -> str:
    record: StageRecord = interview.stages[stage]
    if interview.status is Status.FAILED and interview.failed_stage is stage and record.error:
        return f"failed: {record.error.code}"
    if record.finished_at:
        return record.provider or ""
    return f"attempt {record.attempts}" if record.attempts > 1 else ""
