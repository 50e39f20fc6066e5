"""Configuration of the Celery application."""

from typing import Any

from celery import Celery
from kombu import Queue

from tasks.pipeline.queues import FETCH, QUEUES, REQUESTS
from worker.adapters.broker.amqp_queues import amqp_queues
from worker.adapters.broker.amqp_transport import amqp_settings
from worker.adapters.broker.redis_address import is_redis
from worker.adapters.broker.transport import redis_settings
from worker.settings import Settings

TASK_MODULES = (
    "tasks.pipeline.transcribe",
    "tasks.pipeline.analyse",
    "tasks.pipeline.schedule",
    "worker.celery_app.tasks",
)
"""The modules that define tasks."""


def create_app(settings: Settings) -> Celery:
    """Create a Celery application for the given settings, without connecting to the broker.

    Raises:
        Permanent: `REDIS_URL` is invalid.
    """
    app = Celery("interview-worker", task_cls="worker.celery_app.returned:InstrumentedTask")
    app.conf.update(_configuration(settings))
    app.set_current()
    return app


def _configuration(settings: Settings) -> dict[str, Any]:
    limit = settings.stage_time_limit
    return {
        **_broker(settings),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "imports": TASK_MODULES,
        "task_default_queue": REQUESTS,
        "task_routes": {**{name: {"queue": name} for name in QUEUES}, FETCH: {"queue": REQUESTS}},
        "task_create_missing_queues": False,
        "accept_content": ["json"],
        "task_serializer": "json",
        # A message is acknowledged after its stage, so that a lost worker loses no message.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        # The interview's document is the result; a result backend would duplicate it.
        "task_ignore_result": True,
        "task_track_started": False,
        "task_soft_time_limit": limit,
        "task_time_limit": limit + 60,
        "worker_pool": "worker.celery_app.pool:TaskPool",
        "worker_proc_alive_timeout": 30,
        "enable_utc": True,
        "timezone": "UTC",
    }


def _broker(settings: Settings) -> dict[str, Any]:
    plain = [Queue(name) for name in QUEUES]
    if settings.redis_url is None:
        return {"broker_url": None, "task_queues": plain}
    url = settings.redis_url.get_secret_value()
    if not is_redis(url):
        return {**amqp_settings(url), "task_queues": amqp_queues(settings.redelivery_seconds)}
    options = {
        "visibility_timeout": settings.redelivery_seconds,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        **({"global_keyprefix": settings.redis_key_prefix} if settings.redis_key_prefix else {}),
    }
    return {**redis_settings(url, options), "task_queues": plain}
