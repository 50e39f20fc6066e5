"""Tables for the terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from rich.table import Column, Table
from rich.text import Text

from tasks.interviews.interview import Interview, StageRecord, Status
from worker.ports import Entry
from worker.settings import Settings
from worker.urls import mask_url

_COLOURS = {Status.COMPLETED: "green", Status.FAILED: "red", Status.CANCELLED: "yellow"}


def table(interviews: Sequence[Interview]) -> Table:
    """A table of interviews."""
    # Users copy ids from here into other commands, so ids are never truncated.
    found = Table(Column("id", min_width=36, no_wrap=True), box=None)
    for name in ("type", "status", "created", "minutes", "candidate"):
        found.add_column(name)
    for interview in interviews:
        found.add_row(
            interview.id,
            interview.type,
            coloured(interview.status),
            _moment(interview.created_at),
            f"{interview.audio.duration / 60:.1f}",
            Text(interview.candidate.name),
        )
    return found


def dead_table(interviews: Sequence[Interview]) -> Table:
    """A table of failed interviews."""
    found = Table(Column("id", min_width=36, no_wrap=True), box=None)
    for name in ("type", "stage", "error", "attempts", "failed"):
        found.add_column(name, overflow="fold")
    for interview in interviews:
        stage = interview.failed_stage
        record = interview.stages[stage] if stage else StageRecord()
        found.add_row(
            interview.id,
            interview.type,
            stage or "-",
            Text(record.error.code if record.error else "-", style="red"),
            str(record.attempts),
            _moment(interview.finished_at or interview.updated_at),
        )
    return found


def audit_table(entries: Sequence[Entry]) -> Table:
    """A table of audit entries."""
    found = Table(box=None)
    for name in ("at", "who", "action"):
        found.add_column(name, overflow="fold")
    found.add_column("interview", min_width=36, no_wrap=True)
    found.add_column("detail", overflow="fold")
    for entry in entries:
        found.add_row(
            f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}",
            entry.who,
            entry.action,
            entry.interview_id or "-",
            entry.detail or "",
        )
    return found


def coloured(status: Status) -> Text:
    """A status as coloured text."""
    return Text(status, style=_COLOURS.get(status, "cyan"))


def settings_table(settings: Settings) -> Table:
    """A table of settings, with their values (secrets masked) and meanings."""
    found = Table("setting", "value", "meaning", box=None)
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        changed = value != field.get_default()
        found.add_row(
            name.upper(),
            Text(_shown(name, value), style="bold" if changed else ""),
            Text(field.description or ""),
        )
    return found


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        return mask_url(value.get_secret_value()) if name.endswith("_url") else "***"
    if isinstance(value, dict):
        value = tuple(f"{key}={each}" for key, each in value.items())
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    # Any URL may contain credentials.
    return mask_url(text) if "://" in text else text


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
