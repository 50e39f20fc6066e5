"""Celery's requests: what becomes of them is announced, and people are kept out of events."""

import os
from typing import Any

from celery import Task
from celery.worker.request import Request

from monitoring.signals.celery import message_returned
from monitoring.signals.deliveries import (
    Reason,
    Released,
    Started,
    delivery_released,
    delivery_started,
)
from tasks.pipeline.queues import REQUESTS


class InstrumentedRequest(Request):
    """A message in a worker's hands; see `message_returned`."""

    _apply_result: Any

    @property
    def argsrepr(self) -> str:
        """The arguments as task events and Flower show them."""
        return _shown(self.name, super().argsrepr)

    @property
    def kwargsrepr(self) -> str:
        """The named arguments as task events and Flower show them."""
        return _shown(self.name, super().kwargsrepr)

    def on_accepted(self, pid: Any, time_accepted: float) -> None:
        """Hear that a process has taken the message up."""
        # Where a process died before it took up what was revoked, the pool says that it was we.
        # Only where there are no other processes can that be so, and there is no job either then.
        if pid != os.getpid() or self._apply_result is None:
            delivery_started.send(Started(self, time_accepted))
        super().on_accepted(pid, time_accepted)

    def acknowledge(self) -> None:
        """Tell the broker that the message is done with: it was run, or it was revoked."""
        if not self.acknowledged:
            delivery_released.send(Released(self, Reason.REVOKED))
        super().acknowledge()

    def reject(self, requeue: bool = False) -> None:
        """Give the message back to the broker, or refuse it for good."""
        if not self.acknowledged:
            message_returned.send(self)
            delivery_released.send(Released(self, Reason.REJECTED))
        super().reject(requeue)


def _shown(task: str, arguments: str) -> str:
    # A request names people, and Flower keeps what it has seen.
    return "(not shown)" if task == REQUESTS else arguments


class InstrumentedTask(Task[Any, Any]):
    """The base of all tasks of the service."""

    Request = f"{InstrumentedRequest.__module__}:{InstrumentedRequest.__name__}"
