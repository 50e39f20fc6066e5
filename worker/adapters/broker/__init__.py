"""The message broker, reached through Celery and kombu."""

from worker.adapters.broker.control import tell_workers
from worker.adapters.broker.dispatch import FETCH, PRIORITIES, REQUESTS, CeleryDispatcher
from worker.adapters.broker.held import HeldMessage, HeldMessages

__all__ = [
    "FETCH",
    "PRIORITIES",
    "REQUESTS",
    "CeleryDispatcher",
    "HeldMessage",
    "HeldMessages",
    "tell_workers",
]
