"""Celery request and task classes that signal deliveries and hide personal data in events."""

import os
from typing import Any

from celery import Task
from celery.worker.request import Request

from monitoring.metrics.labels import ReleaseReason
from monitoring.signals.celery import message_returned
from monitoring.signals.deliveries import (
    Released,
    Started,
    delivery_released,
    delivery_started,
)
from tasks.pipeline.queues import REQUESTS


class InstrumentedRequest(Request):
    """A message that a worker has received. It sends the signals of `monitoring.signals`."""

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
        """Handle that a process has accepted the message."""
        # If a child dies before it accepts a revoked message, the pool reports the parent's pid.
        # That pid is genuine only in a pool without children, and then there is no job.
        if pid != os.getpid() or self._apply_result is None:
            delivery_started.send(Started(self, time_accepted))
        super().on_accepted(pid, time_accepted)

    def acknowledge(self) -> None:
        """Acknowledge the message: it was run or revoked."""
        if not self.acknowledged:
            delivery_released.send(Released(self, ReleaseReason.REVOKED))
        super().acknowledge()

    def reject(self, requeue: bool = False) -> None:
        """Reject the message, and let the broker redeliver it if `requeue` is true."""
        if not self.acknowledged:
            message_returned.send(self)
            delivery_released.send(Released(self, ReleaseReason.REJECTED))
        super().reject(requeue)


def _shown(task: str, arguments: str) -> str:
    # The arguments of a request contain personal data, and Flower stores events.
    return "(not shown)" if task == REQUESTS else arguments


class InstrumentedTask(Task[Any, Any]):
    """The base class of all tasks of the service."""

    Request = f"{InstrumentedRequest.__module__}:{InstrumentedRequest.__name__}"
