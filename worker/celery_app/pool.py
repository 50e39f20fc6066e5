"""A prefork pool that signals the outcome of messages that Celery's own pool stops tracking.

Celery writes a message into the pipe of a child process. Until the child accepts it, it is unknown
whether the child will run it. Celery stops tracking such messages when the connection to the broker
is lost and when the worker stops, but the child runs them nevertheless.
"""

from functools import partial
from typing import Any

from billiard.pool import ACK, RUN
from celery.concurrency import asynpool, prefork

from monitoring.metrics.labels import ReleaseReason
from monitoring.signals.deliveries import (
    Released,
    Started,
    connection_lost,
    delivery_released,
    delivery_started,
)


class _Processes(asynpool.AsynPool):
    _state: int
    _cache: dict[int, Any]
    _pool: list[Any]
    _result_handler: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        self._forgotten: dict[int, Any] = {}
        super().__init__(*args, **options)
        handlers = self._result_handler.state_handlers
        handlers[ACK] = partial(self._taken_up, handlers[ACK])

    def flush(self) -> None:
        """Drop the messages that no child has accepted, as the broker redelivers them.

        Celery calls this when the connection to the broker is lost and when the worker stops. While
        the worker stops, nothing is dropped: the worker waits for its children, and dropped work
        would not be acknowledged and therefore be repeated.
        """
        if self._state != RUN:
            return
        self._forgotten.update(
            (number, job) for number, job in self._cache.items() if self._may_be_taken_up(job)
        )
        super().flush()
        connection_lost.send([_request_of(job) for job in self._forgotten.values()])

    def process_flush_queues(self, proc: Any) -> None:
        """Read the remaining messages of a child that has exited."""
        super().process_flush_queues(proc)
        for number, job in tuple(self._forgotten.items()):
            if job._write_to is proc:  # noqa: SLF001 - billiard has no public name for it
                del self._forgotten[number]
                lost = Released(_request_of(job), ReleaseReason.CONNECTION_LOST)
                delivery_released.send(lost)

    def join(self) -> None:
        """Wait for the children to exit, and read their remaining messages."""
        super().join()
        if self._forgotten:
            for proc in tuple(self._pool):
                self.process_flush_queues(proc)

    def _taken_up(self, on_ack: Any, number: int, index: Any, moment: float, *rest: Any) -> None:
        if (job := self._forgotten.pop(number, None)) is not None:
            delivery_started.send(Started(_request_of(job), moment))
        on_ack(number, index, moment, *rest)

    def _may_be_taken_up(self, job: Any) -> bool:
        return not job._accepted and job._write_to in self._pool  # noqa: SLF001 - the same


class TaskPool(prefork.TaskPool):
    """The prefork pool of our workers (Celery's setting `worker_pool`)."""

    Pool = _Processes


def _request_of(job: Any) -> Any:
    return job._accept_callback.__self__  # noqa: SLF001 - billiard has no name for it
