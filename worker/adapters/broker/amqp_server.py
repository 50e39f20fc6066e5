"""What is said about an AMQP broker at start."""

import logging
from typing import Any

from amqp.exceptions import PreconditionFailed

from tasks.errors import Transient
from tasks.pipeline.queues import STAGES
from worker.adapters.broker.amqp import connected, servers_of
from worker.adapters.broker.amqp_queues import StageQueue, stage_queue

log = logging.getLogger(__name__)

_TIMEOUT = 2.0
"""Seconds to wait for an answer at start."""

_CONSUMER_LIMIT_SINCE = (3, 12)
"""The version of RabbitMQ that observes the time limit of a consumer."""


def check_amqp(url: str, seconds: int) -> None:
    """Log what the service lacks with this broker, and what an operator should change.

    A broker that does not answer yet is not checked: Celery waits for it.

    Args:
        url: The value of `REDIS_URL`.
        seconds: The longest time that a message remains unacknowledged.
    """
    try:
        with connected(servers_of(url), _TIMEOUT) as connection:
            server = connection.connection.server_properties
            plain = [
                name for name in STAGES if _lacks_priorities(connection, stage_queue(name, seconds))
            ]
    except Transient as error:
        log.warning("the broker could not be checked: %s", error.message)
        return
    product, version = str(server.get("product")), str(server.get("version"))
    log.info(
        "the broker is %s %s: requests are not rate limited, each process has its own circuit "
        "breakers, and the number and age of unacknowledged messages are unknown "
        "(docs/reference/brokers.md)",
        product,
        version,
    )
    if plain:
        log.warning(
            "the priority of interviews has no effect on %s, which exists without x-max-priority: "
            "to change that, stop the workers when it is empty, and delete it",
            ", ".join(plain),
        )
    if product == "RabbitMQ" and _numbers(version) < _CONSUMER_LIMIT_SINCE:
        log.warning(
            "RabbitMQ %s ends a stage that takes longer than its consumer_timeout, half an hour "
            "unless configured: set consumer_timeout = %d in rabbitmq.conf",
            version,
            seconds * 1000,
        )


def _lacks_priorities(connection: Any, queue: StageQueue) -> bool:
    """Declare a queue, and tell whether it has no priorities."""
    # The broker closes a channel whose declaration it refuses.
    with connection.channel() as channel:
        try:
            queue.declare_with_priorities(channel)
        except PreconditionFailed:
            return True
    return False


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version; without any, an empty tuple, which is lower than all."""
    found = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        found.append(int(part))
    return tuple(found)
