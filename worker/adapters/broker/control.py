"""Broadcast of commands to all workers by Celery's remote control."""

from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from tasks.errors import Transient

_REPLY_TIMEOUT = 1.0
"""Seconds to wait for the replies of workers."""


def broadcast(app: Celery, command: str, arguments: Mapping[str, object]) -> Mapping[str, Any]:
    """Send a command to all workers.

    Args:
        app: The Celery application of the workers.
        command: The name of the command.
        arguments: The arguments of the command.

    Returns:
        The replies that arrived within a second, by node name.

    Raises:
        Transient: The broker does not respond.
    """
    try:
        # Its own connection: a pooled one may be from before a restart of the broker.
        with app.connection_for_write() as connection:
            answers = app.control.broadcast(
                command,
                arguments=dict(arguments),
                connection=connection,
                reply=True,
                timeout=_REPLY_TIMEOUT,
            )
    except (OperationalError, OSError) as error:
        raise Transient("the broker does not respond", code="broker_error") from error
    return {node: reply for answer in answers or () for node, reply in answer.items()}
