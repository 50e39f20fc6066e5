"""Celery's requests: those given back are announced, and people are kept out of events."""

from typing import Any

from celery import Task
from celery.worker.request import Request

from monitoring.signals.celery import message_returned
from worker.adapters.broker import REQUESTS


class AnnouncedRequest(Request):
    """A message in a worker's hands; see `message_returned`."""

    @property
    def argsrepr(self) -> str:
        """The arguments as task events and Flower show them."""
        return _shown(self.name, super().argsrepr)

    @property
    def kwargsrepr(self) -> str:
        """The named arguments as task events and Flower show them."""
        return _shown(self.name, super().kwargsrepr)

    def reject(self, requeue: bool = False) -> None:
        """Give the message back to the broker, or refuse it for good."""
        if not self.acknowledged:
            message_returned.send(self)
        super().reject(requeue)


def _shown(task: str, arguments: str) -> str:
    # A request names people, and Flower keeps what it has seen.
    return "(not shown)" if task == REQUESTS else arguments


class AnnouncedTask(Task[Any, Any]):
    """The base of all tasks of the service."""

    Request = f"{AnnouncedRequest.__module__}:{AnnouncedRequest.__name__}"
