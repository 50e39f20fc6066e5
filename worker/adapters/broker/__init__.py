"""The message broker, reached through Celery and kombu."""

from worker.adapters.broker.control import tell_workers
from worker.adapters.broker.dispatch import PRIORITIES, CeleryDispatcher
from worker.adapters.broker.held import HeldMessages

__all__ = [
    "PRIORITIES",
    "CeleryDispatcher",
    "HeldMessages",
    "tell_workers",
]
