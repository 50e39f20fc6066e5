"""Dispatch of Celery tasks. Messages contain only ids, no content of interviews."""

from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from tasks.errors import Transient
from tasks.interviews.interview import Priority, Stage
from tasks.pipeline.queues import FETCH, REQUESTS
from tasks.pipeline.runner import task_name
from worker.adapters.broker.amqp_queues import AMQP_PRIORITIES
from worker.adapters.broker.redis_address import is_redis

PRIORITIES: Mapping[Priority, int] = {Priority.HIGH: 0, Priority.NORMAL: 3, Priority.LOW: 9}
"""Steps of kombu's Redis transport, one list each; the smallest number is delivered first."""


_PUBLISH_RETRIES = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2}


class CeleryDispatcher:
    """Publishes tasks to the broker.

    Args:
        app: The Celery application whose broker takes the messages.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        url = app.conf.broker_url
        self._priorities = PRIORITIES if not url or is_redis(url) else AMQP_PRIORITIES

    def dispatch(self, interview_id: str, first: Stage, priority: Priority) -> None:
        """Publish the chain of stages, from `first` to the last.

        Raises:
            Transient: The broker cannot be reached.
        """
        stages = list(Stage)
        links = stages[stages.index(first) + 1 :]
        self._send(
            task_name(first),
            args=(interview_id,),
            **_options(first, self._priorities[priority]),
            # The rest of the chain in the format of the message, the last link first.
            # `celery.chain` builds the same from signatures, but takes longer.
            chain=[
                _link(stage, interview_id, self._priorities[priority]) for stage in reversed(links)
            ],
        )

    def fetch(self, request_id: str) -> None:
        """Publish the task that downloads the recording of a request and creates the interview.

        Raises:
            Transient: The broker cannot be reached.
        """
        priority = self._priorities[Priority.NORMAL]
        self._send(FETCH, args=(request_id,), queue=REQUESTS, priority=priority)

    def _send(self, name: str, **message: Any) -> None:
        try:
            self._app.send_task(name, retry_policy=_PUBLISH_RETRIES, **message)
        except (OperationalError, OSError) as error:
            raise Transient(f"the broker does not respond: {error}", code="broker_error") from error


def _options(stage: Stage, priority: int) -> dict[str, Any]:
    return {"queue": task_name(stage), "priority": priority}


def _link(stage: Stage, interview_id: str, priority: int) -> dict[str, Any]:
    return {
        "task": task_name(stage),
        "args": [interview_id],
        "kwargs": {},
        "options": _options(stage, priority),
        "subtask_type": None,
        "immutable": True,
    }
