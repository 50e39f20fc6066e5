"""The intake tasks, which turn requests into interviews."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from celery import Task, shared_task

from tasks.errors import Transient
from tasks.interviews.interview import Source
from tasks.pipeline.queues import FETCH, REQUESTS
from worker.celery_app.child import current_processor
from worker.intake.requests import receive

SubmitTask: TypeAlias = "Task[..., str]"

_RETRY_SECONDS = 5


@shared_task(name=REQUESTS, bind=True, max_retries=None)
def submit(task: SubmitTask, request: Mapping[str, Any], message_id: str | None = None) -> str:
    """Accept an interview whose recording is downloaded from its `audio_url`.

    The request is stored before it is processed.

    Args:
        task: The running task.
        request: The body of `POST /api/v1/interviews` in its JSON form.
        message_id: The id of the request. A repeated id returns the same interview.

    Returns:
        The interview's id.

    Raises:
        InvalidInput: The request is invalid; nothing is stored.
    """
    processor = current_processor()
    message = message_id or task.request.id or ""
    try:
        request_id = receive(
            processor.requests, processor.intake.interviews, request, message, Source.CELERY
        )
    except Transient as error:
        # The request exists only in this message until the database is available.
        raise task.retry(exc=error, countdown=_RETRY_SECONDS) from error
    processor.process(request_id)
    return request_id


@shared_task(name=FETCH)
def fetch(request_id: str) -> None:
    """Accept the interview of a stored request.

    Raises:
        Permanent: The request was rejected.
    """
    current_processor().process(request_id)
