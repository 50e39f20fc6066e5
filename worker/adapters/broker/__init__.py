"""The message broker, reached through Celery and kombu."""

from worker.adapters.broker.control import broadcast
from worker.adapters.broker.dispatch import PRIORITIES, CeleryDispatcher
from worker.adapters.broker.held import CeleryHeldMessages
from worker.adapters.broker.unacked import RedisUnackedMessages

__all__ = [
    "PRIORITIES",
    "CeleryDispatcher",
    "CeleryHeldMessages",
    "RedisUnackedMessages",
    "broadcast",
]
