"""The message broker, reached through Celery and kombu."""

from worker.adapters.broker.dispatch import PRIORITIES, REQUESTS, CeleryDispatcher
from worker.adapters.broker.held import HeldMessage, HeldMessages

__all__ = ["PRIORITIES", "REQUESTS", "CeleryDispatcher", "HeldMessage", "HeldMessages"]
