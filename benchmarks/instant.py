"""The pipeline with stages that return immediately.

The stages run through `tasks.pipeline.runner.execute` like the real ones: each claims its
interview, reads it, and stores its result. The store is a no-op, because the stock chain keeps no
documents either; or, to show the cost of documents, it is in Redis. With MongoDB only MongoDB would
be measured: the embedded one does a few hundred updates per second.
"""

import atexit
import os
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from celery import Celery
from pydantic import SecretStr
from redis import Redis

from monitoring.metrics.recording import Recorder
from tasks.errors import IllegalTransition
from tasks.interviews.interview import Interview, Stage, StageRecord, Status
from tasks.interviews.transitions import Change
from tasks.pipeline import services
from tasks.pipeline.runner import StageResult, execute, task_name
from tasks.pipeline.services import Services
from tests.samples import an_interview
from worker.celery_app.config import TASK_MODULES, create_app
from worker.celery_app.log_context import binding_task_context
from worker.settings import Settings
from worker.telemetry.logs import worker_logging
from worker.telemetry.metrics import recording_worker
from worker.telemetry.tracing import configured_tracing

_APPLY = """
local status = redis.call('HGET', KEYS[1], 'status') or 'queued'
for allowed in string.gmatch(ARGV[1], '%a+') do
  if allowed == status then
    redis.call('HSET', KEYS[1], 'status', ARGV[2])
    return 1
  end
end
return 0
"""


def _begun() -> Interview:
    """An interview whose stages are in their first attempt."""
    return an_interview(stages={stage: StageRecord(attempts=1) for stage in Stage})


class NoInterviews:
    """A no-op store: every interview is in the state that a stage expects."""

    def __init__(self) -> None:
        self._template = _begun()

    def apply(self, interview_id: str, change: Change) -> None:
        """Accept any change."""

    def get(self, interview_id: str) -> Interview:
        """Return a generated interview."""
        return self._template.model_copy(update={"id": interview_id})


class RedisInterviews:
    """The part of `InterviewStore` that a stage needs, in Redis."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url)
        self._apply = self._redis.register_script(_APPLY)
        self._template = _begun()

    def apply(self, interview_id: str, change: Change) -> None:
        """Apply a change atomically."""
        keys = [f"document:{interview_id}"]
        if not self._apply(keys, [" ".join(change.when), change.to or ""]):
            raise IllegalTransition(f"cannot {change.name}")

    def get(self, interview_id: str) -> Interview:
        """Read an interview."""
        stored: Any = self._redis.hget(f"document:{interview_id}", "status")
        status = Status(stored.decode())
        return self._template.model_copy(update={"id": interview_id, "status": status})


def completed(url: str) -> int:
    """The number of interviews whose documents are completed."""
    with Redis.from_url(url) as redis, redis.pipeline(transaction=False) as pipe:
        for key in redis.scan_iter("document:*", count=1000):
            pipe.hget(key, "status")
        return sum(status == Status.COMPLETED.value.encode() for status in pipe.execute())


def create(url: str, *, documents: bool = False) -> Celery:
    """The service's own Celery application, with instant stages."""
    application = create_app(Settings(redis_url=SecretStr(url)))
    application.conf.imports = ()
    interviews = cast("Any", RedisInterviews(url) if documents else NoInterviews())
    nothing = cast("Any", None)
    services.provide(
        Services(
            interviews=interviews,
            audio=nothing,
            speech=nothing,
            language=nothing,
            calendars=nothing,
            reservations=nothing,
            max_attempts=3,
            backoff=1.0,
            consent_required=False,
        )
    )
    # Import the real tasks first: a later import would replace the instant ones.
    for module in TASK_MODULES:
        import_module(module)
    application.finalize()
    for stage in Stage:
        application.tasks.unregister(task_name(stage))
        _add_stage(application, stage)
    return application


def _add_stage(application: Celery, stage: Stage) -> None:
    @application.task(name=task_name(stage), shared=False)
    def run(interview_id: str) -> None:
        execute(stage, interview_id, lambda _: StageResult(results={}))


def watch(directory: Path) -> None:
    """Record this worker's metrics until its process exits."""
    stack = ExitStack()
    stack.enter_context(recording_worker(directory, f"w{os.getpid()}"))
    atexit.register(stack.close)


def log(settings: Settings) -> None:
    """Log like a worker until the process exits."""
    stack = ExitStack()
    stack.enter_context(worker_logging(settings, "benchmark", Recorder()))
    stack.enter_context(binding_task_context())
    atexit.register(stack.close)


def trace(settings: Settings) -> None:
    """Trace like a worker until the process exits."""
    stack = ExitStack()
    stack.enter_context(configured_tracing(settings, "worker"))
    atexit.register(stack.close)


if "BENCHMARK_LOGS" in os.environ:
    log(Settings(log_level="INFO", log_format="json"))
if "BENCHMARK_TRACES" in os.environ:
    trace(Settings(otel_exporter_otlp_endpoint=os.environ["BENCHMARK_TRACES"]))
if "BENCHMARK_METRICS" in os.environ:
    watch(Path(os.environ["BENCHMARK_METRICS"]))
if "BENCHMARK_BROKER" in os.environ:
    app = create(os.environ["BENCHMARK_BROKER"], documents="BENCHMARK_DOCUMENTS" in os.environ)
