"""What is told to the outside when an interview moves on."""

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
    """A fact about one interview; it never holds a transcript or a person's data."""

    model_config = ConfigDict(frozen=True)

    id: str
    """`interview:type:round`, the same however often the event is published."""
    type: EventType
    interview_id: str
    at: AwareDatetime
    facts: Mapping[str, str | int | float | None] = Field(default_factory=dict)
    traceparent: str | None = None
    """Where the interview's trace began (W3C Trace Context); None if it has none."""


def event_id(interview_id: str, event: EventType, run_count: int) -> str:
    """The id by which a consumer knows an event it has seen already."""
    return f"{interview_id}:{event}:{run_count}"


def cloud_event(event: Event) -> dict[str, Any]:
    """The event in the structured JSON form of CloudEvents 1.0 (cloudevents.io, JSON format).

    The trace is told by the extension "Distributed Tracing" of CloudEvents.
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
