"""Definitions of Celery's metrics, named as in danihodovic/celery-exporter."""

from monitoring.metrics import labels
from monitoring.metrics.definitions import Counter, Gauge, Histogram, Scope

__all__ = [
    "CELERY_CONSUMERS",
    "CELERY_FAILED",
    "CELERY_PROCESSES",
    "CELERY_QUEUE_LENGTH",
    "CELERY_QUEUE_WAIT",
    "CELERY_RECEIVED",
    "CELERY_REJECTED",
    "CELERY_RELEASED",
    "CELERY_RETRIED",
    "CELERY_REVOKED",
    "CELERY_RUNTIME",
    "CELERY_SENT",
    "CELERY_STARTED",
    "CELERY_SUCCEEDED",
    "CELERY_TASKS_ACTIVE",
    "CELERY_WORKERS",
    "CELERY_WORKER_UP",
]

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_TASK = (labels.TASK, labels.HOSTNAME, labels.QUEUE_NAME)

CELERY_RUNTIME = Histogram(
    name="celery_task_runtime",
    help="Run time of successful tasks, in seconds.",
    labels=_TASK,
    buckets=BUCKETS,
)
CELERY_QUEUE_WAIT = Histogram(
    name="celery_task_queue_wait_time",
    help="Time from when a task was due to its start, in seconds.",
    labels=_TASK,
    buckets=BUCKETS,
)
CELERY_SENT = Counter(name="celery_task_sent_total", help="Tasks sent.", labels=_TASK)
CELERY_RECEIVED = Counter(
    name="celery_task_received_total",
    help="Task deliveries received by a worker, including redeliveries.",
    labels=_TASK,
)
CELERY_STARTED = Counter(
    name="celery_task_started_total",
    help="Task deliveries started by a pool process.",
    labels=_TASK,
    counts=CELERY_QUEUE_WAIT,
)
CELERY_RELEASED = Counter(
    name="celery_task_released_total",
    help="Task deliveries received but not started, by reason.",
    labels=(*_TASK, labels.RELEASE_REASON),
)
CELERY_SUCCEEDED = Counter(
    name="celery_task_succeeded_total",
    help="Successful tasks.",
    labels=_TASK,
    counts=CELERY_RUNTIME,
)
CELERY_FAILED = Counter(
    name="celery_task_failed_total",
    help="Failed tasks, by class of the error, or the nearest known base class.",
    labels=(*_TASK, labels.EXCEPTION),
)
CELERY_REJECTED = Counter(
    name="celery_task_rejected_total",
    help="Tasks requeued or rejected, including those of lost processes.",
    labels=_TASK,
)
CELERY_REVOKED = Counter(name="celery_task_revoked_total", help="Tasks revoked.", labels=_TASK)
CELERY_RETRIED = Counter(
    name="celery_task_retried_total", help="Tasks that requested a retry.", labels=_TASK
)
CELERY_WORKER_UP = Gauge(
    name="celery_worker_up", help="Whether a worker is alive, 1 or 0.", labels=(labels.HOSTNAME,)
)
CELERY_TASKS_ACTIVE = Gauge(
    name="celery_worker_tasks_active",
    help="Tasks running in a worker.",
    labels=(labels.HOSTNAME,),
)
CELERY_QUEUE_LENGTH = Gauge(
    name="celery_queue_length",
    help="Messages of a queue in the broker, all priorities, including unacknowledged ones.",
    labels=(labels.QUEUE_NAME,),
    scope=Scope.SHARED,
)
CELERY_CONSUMERS = Gauge(
    name="celery_active_consumer_count",
    help="Consumers of a queue.",
    labels=(labels.QUEUE_NAME,),
)
CELERY_WORKERS = Gauge(
    name="celery_active_worker_count",
    help="Workers consuming a queue.",
    labels=(labels.QUEUE_NAME,),
)
CELERY_PROCESSES = Gauge(
    name="celery_active_process_count",
    help="Pool processes consuming a queue.",
    labels=(labels.QUEUE_NAME,),
)
