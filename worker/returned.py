"""Celery's requests, of which those that are given back are announced."""

from typing import Any

from celery import Task
from celery.worker.request import Request

from monitoring.signals.celery import message_returned


class AnnouncedRequest(Request):
    """A message in a worker's hands; see `message_returned`."""

    def reject(self, requeue: bool = False) -> None:
        """Give the message back to the broker, or refuse it for good."""
        if not self.acknowledged:
            message_returned.send(self)
        super().reject(requeue)


class AnnouncedTask(Task[Any, Any]):
    """The base of all tasks of the service."""

    Request = f"{AnnouncedRequest.__module__}:{AnnouncedRequest.__name__}"
