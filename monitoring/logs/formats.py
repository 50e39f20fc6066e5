"""Formatters for log lines: JSON for machines, and coloured text for terminals."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

from monitoring import SERVICE
from monitoring.redaction import message_of, safe_text, stack_of
from monitoring.trace_context import trace_ids
from tasks.context import AttributeValue, attributes

_LEVELS = {"WARNING": "WARN", "CRITICAL": "ERROR"}

_FIELDS = {
    "operation": "operation",
    "interview_id": "interviewId",
    "user_id": "userId",
    "request_id": "requestId",
    "task_id": "taskId",
    "attempt": "attempt",
    "provider": "provider",
    "trace_id": "traceId",
    "span_id": "spanId",
    "duration": "duration",
    "status": "status",
}
"""Contextual attributes that are logged, and their field names in a line."""

Facts = Callable[[], Mapping[str, AttributeValue]]


def fields_of(record: logging.LogRecord, component: str) -> dict[str, Any]:
    """Return the fields of a line in output order, with personal data redacted.

    Args:
        record: The record; attributes in its `extra` override those of the context.
        component: The kind of process, such as api or worker.
    """
    logged: dict[str, AttributeValue] = {**attributes(), **_trace()}
    logged |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
    moment = datetime.fromtimestamp(record.created, UTC)
    fields: dict[str, Any] = {
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": _LEVELS.get(record.levelname, record.levelname),
        "service": SERVICE,
        "component": component,
        "logger": record.name,
        **{field: logged[name] for name, field in _FIELDS.items() if name in logged},
        "message": message_of(record),
    }
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields |= {
            "error.type": type(error).__qualname__,
            "error.message": safe_text(error),
            "error.stack": stack_of(error),
        }
    return fields


def _trace() -> dict[str, AttributeValue]:
    ids = trace_ids()
    return {} if ids is None else dict(zip(("trace_id", "span_id"), ids, strict=True))


class JsonLines(JsonFormatter):
    """Formats each record as one JSON object per line.

    Args:
        component: The kind of process, such as api or worker.
    """

    def __init__(self, component: str) -> None:
        super().__init__(json_ensure_ascii=False)
        self._component = component

    @override
    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        # Only listed fields: by default the library adds everything in `extra`.
        log_data.update(fields_of(record, self._component))

    @override
    def formatException(self, ei: object) -> str:
        # `fields_of` adds a redacted stack. The text of a traceback may quote an interview.
        return ""


_COLOURS = {"DEBUG": "2", "INFO": "32", "WARN": "33", "ERROR": "31"}
_SHOWN = ("interviewId", "attempt", "provider", "status", "duration", "requestId")


class ConsoleLines(logging.Formatter):
    """Formats records for a terminal.

    Args:
        component: The kind of process, such as api or worker.
        colours: Whether the terminal supports colours.
    """

    def __init__(self, component: str, *, colours: bool) -> None:
        super().__init__()
        self._component = component
        self._colours = colours

    @override
    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record, self._component)
        level = self._coloured(f"{fields['level']:<5}", _COLOURS.get(fields["level"], "0"))
        known = "  ".join(f"{name}={fields[name]}" for name in _SHOWN if name in fields)
        line = f"{fields['timestamp'][11:23]} {level} {self._component}  {fields['message']}"
        stack = f"\n{fields['error.stack']}" if "error.stack" in fields else ""
        return line + (f"  {self._coloured(known, '2')}" if known else "") + stack

    def _coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text
