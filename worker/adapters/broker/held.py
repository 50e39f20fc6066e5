"""What workers hold, asked by Celery's remote control."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery.worker import state as worker_state
from celery.worker.control import inspect_command

from worker.adapters.broker.control import broadcast
from worker.ports import HeldByWorkers

_COMMAND = "held_messages"

_received: Any = worker_state


class CeleryHeldMessages:
    """Asks all workers which messages they hold, for a broker that cannot list them.

    Args:
        app: Their Celery application.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app

    def ask(self) -> HeldByWorkers:
        """Ask all workers; takes about a second.

        Raises:
            Transient: The broker does not answer.
        """
        answers = broadcast(self._app, _COMMAND, {}).values()
        # An older worker does not know the command, and answers with an error.
        known = [answer for answer in answers if isinstance(answer, dict) and "held" in answer]
        return HeldByWorkers(
            consumers=Counter(queue for answer in known for queue in answer["queues"]),
            ids=[(str(queue), one) for answer in known for queue, one in answer["held"]],
        )


@inspect_command(name=_COMMAND)
def _answer(state: Any) -> Mapping[str, object]:
    """The queues that this worker consumes; the queue and first argument of what it holds."""
    consumer = state.consumer
    requests = {*_received.reserved_requests, *_received.scheduled_requests}
    return {
        "queues": [queue.name for queue in consumer.task_consumer.queues],
        "held": [_described(one) for one in requests],
    }


def _described(request: Any) -> tuple[str, str]:
    first = next(iter(request.args or ()), "")
    # The argument of a submission is personal data.
    return request.delivery_info.get("routing_key", ""), first if isinstance(first, str) else ""
