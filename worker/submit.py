"""The task by which any Celery producer submits an interview."""

import logging
from collections.abc import Mapping
from typing import Any, TypeAlias

from celery import Task, shared_task

from tasks.errors import AlreadyExists, InvalidInput, Transient
from tasks.interview import Source
from worker.adapters.broker import REQUESTS
from worker.adapters.fetch import fetched
from worker.process import current_intake
from worker.requests import interview_id_of, parse_request

SubmitTask: TypeAlias = "Task[..., str]"

log = logging.getLogger(__name__)

_RETRIES = 6
"""Of which each waits twice as long as the one before, 63 s together: longer than `STORED_WITHIN`,
after which it is known whether another run of the request was killed."""


@shared_task(name=REQUESTS, bind=True, max_retries=_RETRIES)
def submit(
    task: SubmitTask,
    request: Mapping[str, Any],
    message_id: str | None = None,
    source: str = "celery",
) -> str:
    """Take in an interview whose recording is fetched from its `audio_url`.

    Args:
        task: The running task.
        request: The body of `POST /api/v1/interviews` in its JSON form.
        message_id: The request's own id; the same one again gives the same interview.
        source: `celery` or `kafka`.

    Returns:
        The interview's id.

    Raises:
        InvalidInput: The request cannot be used; nothing is stored.
    """
    intake = current_intake()
    interview_id = interview_id_of(message_id or task.request.id or "")
    try:
        wanted = parse_request(request)
        with fetched(wanted.audio_url, **intake.fetch_limits) as (recording, name):
            intake.accept(
                wanted.submission,
                recording,
                name=name,
                source=Source(source),
                interview_id=interview_id,
            )
    except AlreadyExists:
        log.info("the request of interview %s came again", interview_id)
    except InvalidInput as error:
        log.warning("a request was refused: %s %s", error.pointer, error.message)
        raise
    except Transient as error:
        raise task.retry(exc=error, countdown=2.0**task.request.retries) from error
    return interview_id
