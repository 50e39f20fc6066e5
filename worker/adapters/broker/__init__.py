"""The message broker, reached through Celery and kombu."""

from worker.adapters.broker.control import tell_workers
from worker.adapters.broker.dispatch import PRIORITIES, CeleryDispatcher
from worker.adapters.broker.held import HeldMessage, HeldMessages

__all__ = [
    "PRIORITIES",
    "CeleryDispatcher",
    "HeldMessage",
    "HeldMessages",
    "tell_workers",
]
