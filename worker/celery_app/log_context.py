"""The log context of tasks: operation, task id and interview id."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from celery import signals

from monitoring.celery_signals import connected
from tasks.context import bound_context, interview_field
from tasks.pipeline.queues import STAGES


@contextmanager
def binding_task_context() -> Iterator[None]:
    """Bind the log context of each task of this process, from its prerun to its postrun signal."""
    held: dict[str, AbstractContextManager[None]] = {}

    def begin(*, task_id: str, task: Any, args: Sequence[Any], **_: Any) -> None:
        operation = STAGES.get(task.name, task.name)
        interview = interview_field(args[0] if args else None)
        held[task_id] = bound_context(operation=operation, task_id=task_id, **interview)
        held[task_id].__enter__()

    def end(*, task_id: str, **_: Any) -> None:
        if (context := held.pop(task_id, None)) is not None:
            context.__exit__(None, None, None)

    with ExitStack() as stack:
        stack.enter_context(connected(signals.task_prerun, begin))
        stack.enter_context(connected(signals.task_postrun, end))
        yield
