"""Celery's prefork pool, which tells what becomes of messages that it loses sight of.

What Celery hands to a process it writes into a pipe, and until the process says that it has taken
it up, nobody can tell whether it will. Celery forgets such messages when the connection to the
broker is lost, and also when the worker stops; the process runs them all the same.
"""

from functools import partial
from typing import Any

from billiard.pool import ACK, RUN
from celery.concurrency import asynpool, prefork

from monitoring.signals.deliveries import (
    Reason,
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
        """Let go of what no process has taken up, as the broker delivers it again.

        Celery asks for it when the connection to the broker is lost, and when the worker stops. A
        worker that stops waits for its processes, and so lets them finish what they were handed:
        their work would not be acknowledged else, and be done again.
        """
        if self._state != RUN:
            return
        self._forgotten.update(
            (number, job) for number, job in self._cache.items() if self._may_be_taken_up(job)
        )
        super().flush()
        connection_lost.send([_request_of(job) for job in self._forgotten.values()])

    def process_flush_queues(self, proc: Any) -> None:
        """Hear the last of a process that has ended."""
        super().process_flush_queues(proc)
        for number, job in tuple(self._forgotten.items()):
            if job._write_to is proc:  # noqa: SLF001 - no other way to tell whose it was
                del self._forgotten[number]
                lost = Released(_request_of(job), Reason.CONNECTION_LOST)
                delivery_released.send(lost)

    def join(self) -> None:
        """Wait for the processes to end, and hear the last of them."""
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
    """The prefork pool; chosen by Celery's setting `worker_pool`."""

    Pool = _Processes


def _request_of(job: Any) -> Any:
    return job._accept_callback.__self__  # noqa: SLF001 - billiard has no name for it
