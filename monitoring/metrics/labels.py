"""The labels of all metrics. The same name can have different domains in different metrics."""

from enum import StrEnum
from http import HTTPMethod, HTTPStatus

from billiard.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded

from monitoring.metrics.domains import OTHER, Label, OneOf, UpTo
from tasks import errors
from tasks.interviews.interview import AnalysisType, Priority, Stage
from tasks.pipeline.queues import FETCH, QUEUES
from tasks.signals import AttemptOutcome


class ReleaseReason(StrEnum):
    """Why a delivery was released without being started."""

    SHUTDOWN = "shutdown"
    """The worker shut down; the broker redelivers it."""
    CONNECTION_LOST = "connection_lost"
    """The connection to the broker was lost; the broker redelivers it."""
    REVOKED = "revoked"
    """It was revoked or expired while the worker held it."""
    REJECTED = "rejected"
    """The worker rejected it."""
    WORKER_LOST = "worker_lost"
    """The worker was killed; the broker redelivers it."""


TASK_ERRORS: tuple[type[BaseException], ...] = (
    errors.Permanent,
    errors.CalendarUnreadable,
    errors.InvalidInput,
    errors.InvalidAudio,
    errors.MissingExtra,
    errors.Unusable,
    # A limit that a task does not handle, or that the pool enforces.
    SoftTimeLimitExceeded,
    TimeLimitExceeded,
    # A message with other arguments than those of its task.
    TypeError,
    MemoryError,
)
"""The errors with which a task can be expected to fail. Any other is a bug, and `other`."""

CLIENT_CLOSED_REQUEST = 499
"""The status that nginx logs if the client closes the connection before the response."""

_CODES = tuple(sorted(str(int(status)) for status in HTTPStatus))


def _one_of(name: str, *values: str) -> Label:
    return Label(name, OneOf(tuple(map(str, values))))


def _up_to(name: str, most: int, what: str) -> Label:
    return Label(name, UpTo(most, what))


# HTTP.
PATH = _up_to("path", 100, "the template of a route of the API, or `unmatched`")
METHOD = _one_of("method", *sorted(HTTPMethod))
HTTP_STATUS = Label(
    "status",
    OneOf(
        tuple(sorted((*_CODES, str(CLIENT_CLOSED_REQUEST)))),
        "the registered status codes of HTTP, and 499 if the client closed the connection",
    ),
)

# Interviews.
INTERVIEW_STATUS = _one_of("status", "success", "failed", "cancelled")
INTERVIEW_TYPE = _up_to("type", 50, "a type in `INTERVIEW_TYPES`")
STAGE = _one_of("stage", *Stage)
ATTEMPT_STATUS = _one_of("status", *AttemptOutcome)
RESUMPTION_REASON = _one_of("reason", "lease_lapsed", "message_lost", "retry")
ERROR_CODE = _up_to("reason", 100, "the code of an error of this service or of a plugin")
QUEUE = _one_of("queue", *QUEUES)
PRIORITY = _one_of("priority", *Priority, "any")

# Providers.
PROVIDER = _up_to("provider", 20, "the name of a configured provider")
FROM_PROVIDER = _up_to("from_provider", 20, "the name of a configured provider")
TO_PROVIDER = _up_to("to_provider", 20, "the name of a configured provider")
MODEL = _up_to("model", 100, "a model in the price list or the settings, or `other`")
OUTCOME = _one_of("status", "success", "error")
TRANSCRIPTION_STATUS = _one_of("status", "success", "error", "unwanted")
MODE = _one_of("mode", "batch", "realtime")
ANALYSIS_TYPE = _one_of("type", *AnalysisType)
DIRECTION = _one_of("direction", "input", "output")
SCHEDULING_STATUS = _one_of("status", "success", "unscheduled", "error")
SERVICE = _up_to("service", 50, "the name of a service that a provider calls")
ENDPOINT = _up_to("endpoint", 100, "the template of a path that a provider calls, or `other`")
EXTERNAL_STATUS = Label(
    "status", OneOf((*_CODES, "error"), "the registered status codes of HTTP, and `error`")
)
CALLBACK_STATUS = _one_of("status", "delivered", "given_up", "unwanted")

# Processes.
ROLE = _one_of("role", "worker", "child", "sidecar")
PROCESS = _up_to("process", 500, "the name of a process of this host")
VERSION = _up_to("version", 1, "the installed version")
DUTY = _up_to("duty", 20, "a duty that one sidecar performs for all")
COLLECTOR = _up_to("collector", 50, "a source of metrics")

# Stores.
MONGODB_ROLE = _one_of("type", "primary", "secondary", "router", "standalone")
MONGODB_OPERATION = _one_of("type", "insert", "query", "update", "delete", "getmore", "command")
TOPIC = _up_to("topic", 10, "a configured topic")
PARTITION = _up_to("partition", 1000, "the number of a partition")
GROUP = _up_to("group", 10, "the configured consumer group")
CONSUMED_STATUS = _one_of("status", "success", "rejected", "error")

# Celery.
TASK = _one_of("name", *QUEUES, FETCH)
HOSTNAME = _up_to("hostname", 200, "the node name of a worker or sidecar of this host")
QUEUE_NAME = _one_of("queue_name", *QUEUES)
RELEASE_REASON = _one_of("reason", *ReleaseReason)
EXCEPTION = _one_of("exception", *(error.__name__ for error in TASK_ERRORS), OTHER)
