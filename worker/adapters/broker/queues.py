"""Choice of the broker adapter by URL."""

from collections.abc import Mapping, Sequence

from tasks.pipeline.queues import Broker
from worker.adapters.broker.amqp import AmqpBroker
from worker.adapters.broker.redis import RedisBroker
from worker.adapters.broker.redis_address import is_redis


def open_broker(
    url: str, queues: Sequence[str], priorities: Mapping[int, str], *, key_prefix: str = ""
) -> Broker:
    """Return the `Broker` for a URL.

    Args:
        url: The broker's URL.
        queues: The queues to read.
        priorities: The name of each priority step of Redis.
        key_prefix: The prefix of all keys in Redis (kombu's `global_keyprefix`).

    Raises:
        Permanent: The URL is invalid.
    """
    if is_redis(url):
        return RedisBroker(url, queues, priorities, key_prefix=key_prefix)
    return AmqpBroker(url, queues)
