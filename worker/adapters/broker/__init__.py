"""The message broker, reached through Celery and kombu."""

from worker.adapters.broker.dispatch import PRIORITIES, REQUESTS, CeleryDispatcher

__all__ = ["PRIORITIES", "REQUESTS", "CeleryDispatcher"]
