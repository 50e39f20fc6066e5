"""Lifecycle events of interviews, as CloudEvents."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
"""The media type of `cloud_event_json`."""


class EventType(StrEnum):
    """The lifecycle of an interview."""

    CREATED = "created"
    TRANSCRIBED = "transcribed"
    ANALYSED = "analysed"
    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ERASED = "erased"


class Event(BaseModel):
    """A fact about one interview; it never contains a transcript or personal data."""

    model_config = ConfigDict(frozen=True)

    id: str
    """`interview:type:round`, identical each time the event is published."""
    type: EventType
    interview_id: str
    at: AwareDatetime
    facts: Mapping[str, str | int | float | None] = Field(default_factory=dict)
    traceparent: str | None = None
    """The root of the interview's trace (W3C Trace Context); None if it has none."""


def event_id(interview_id: str, event: EventType, run_count: int) -> str:
    """Return the id by which consumers detect duplicates of an event."""
    return f"{interview_id}:{event}:{run_count}"


def cloud_event(event: Event) -> dict[str, Any]:
    """The event in the structured JSON format of CloudEvents 1.0 (cloudevents.io, JSON format).

    The trace is propagated by the CloudEvents extension "Distributed Tracing".
    """
    trace = {} if event.traceparent is None else {"traceparent": event.traceparent}
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": "/interview-worker",
        "type": f"interview.{event.type}",
        "subject": event.interview_id,
        "time": event.at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **trace,
        "data": {"interview_id": event.interview_id, **event.facts},
    }


def cloud_event_json(event: Event) -> str:
    """The event as it is sent; its media type is `CONTENT_TYPE`."""
    return json.dumps(cloud_event(event), ensure_ascii=False)
