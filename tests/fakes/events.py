from collections.abc import Sequence
from typing import Any

from tasks.errors import Transient
from tasks.interviews.events import Event, cloud_event


class FakeEvents:
    """Stores published events as consumers would read them."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.reachable = True

    def publish(self, events: Sequence[Event]) -> None:
        if events and not self.reachable:
            raise Transient("nobody takes events")
        self.published.extend(cloud_event(event) for event in events)

    def types(self, interview_id: str) -> list[str]:
        """The types of the events of one interview, in their order."""
        return [event["type"] for event in self.published if event["subject"] == interview_id]
