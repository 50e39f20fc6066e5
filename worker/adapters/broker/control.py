"""Commands to all workers, by Celery's remote control."""

from collections.abc import Collection, Mapping

from celery import Celery
from kombu.exceptions import OperationalError

from tasks.errors import Transient

_REPLY_TIMEOUT = 1.0
"""Seconds to wait for the answers of workers."""


def broadcast(app: Celery, command: str, arguments: Mapping[str, object]) -> Collection[str]:
    """Send a command to all workers.

    Args:
        app: Their Celery application.
        command: The name of the command.
        arguments: What goes with it.

    Returns:
        The node names of those that answered.

    Raises:
        Transient: The broker does not respond.
    """
    try:
        answers = app.control.broadcast(
            command, arguments=dict(arguments), reply=True, timeout=_REPLY_TIMEOUT
        )
    except (OperationalError, OSError) as error:
        raise Transient("the broker does not respond", code="broker_error") from error
    return {node for answer in answers or () for node in answer}
