"""What the broker knows: how much waits, how much is in hand, and since when."""

from collections.abc import Mapping, Sequence

from tasks.pipeline.queues import Broker
from worker.adapters.broker.amqp import AmqpBroker
from worker.adapters.broker.redis import RedisBroker


def open_broker(
    url: str, queues: Sequence[str], priorities: Mapping[int, str], *, key_prefix: str = ""
) -> Broker:
    """What reads the broker at a URL.

    Args:
        url: The broker's URL.
        queues: The queues to look at.
        priorities: The name of each priority step of Redis.
        key_prefix: What all keys in Redis begin with (kombu's `global_keyprefix`).

    Raises:
        Permanent: The URL is of neither kind.
    """
    if url.startswith(("amqp://", "amqps://")):
        return AmqpBroker(url, queues)
    return RedisBroker(url, queues, priorities, key_prefix=key_prefix)
