"""Logging set-up of the service's processes."""

import logging
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from celery import Celery, signals
from celery.apps import worker as celery_program
from celery.worker.control import control_command

from monitoring import logs, metrics
from monitoring.celery_signals import connected
from monitoring.logs.outcomes import log_outcomes
from monitoring.metrics.recording import Recorder
from worker.adapters.broker import broadcast
from worker.settings import Settings

log = logging.getLogger(__name__)

CHANGE = "log_level"
"""The Celery remote control command that changes a worker's log level."""

_SIDECAR = "sidecar"

_level: logs.Level | None = None


@contextmanager
def configured_logging(
    settings: Settings, component: str, recorder: Recorder
) -> Iterator[logs.Level]:
    """Log to standard output while the context is active.

    Args:
        settings: The settings, for level and format.
        component: The kind of process, for the `component` field.
        recorder: Counts dropped lines.

    Yields:
        The level, which can be changed.
    """
    global _level
    _level = logs.Level(settings.log_level)
    logs.log_to_stdout(
        component,
        form=settings.log_format,
        dropped=lambda: recorder.count(metrics.LOG_LINES_DROPPED),
    )
    with log_outcomes():
        try:
            yield _level
        finally:
            logs.flush()


@contextmanager
def worker_logging(settings: Settings, name: str, recorder: Recorder) -> Iterator[None]:
    """Log as a Celery worker and its pool while the context is active."""
    with configured_logging(settings, f"worker-{name}", recorder) as level, ExitStack() as stack:

        def keep_ours(**_: Any) -> None:
            """Do nothing: Celery sets up its own logging only if this signal has no receiver."""

        def refresh_level(**_: Any) -> None:
            level.refresh()

        def stopping(**_: Any) -> None:
            log.info("the worker is stopping")

        def flush(**_: Any) -> None:
            logs.flush()

        # Celery announces a shutdown on standard output, bypassing logging, because its signal
        # handler must not log. It is silenced, and a line is logged at `worker_shutdown` instead.
        stack.enter_context(_silenced(celery_program, "safe_say"))
        stack.enter_context(connected(signals.worker_shutdown, stopping))
        stack.enter_context(connected(signals.setup_logging, keep_ours))
        stack.enter_context(connected(signals.task_prerun, refresh_level))
        stack.enter_context(connected(signals.worker_process_shutdown, flush))
        yield


@contextmanager
def _silenced(module: Any, name: str) -> Iterator[None]:
    function = getattr(module, name)
    setattr(module, name, lambda *_: None)
    try:
        yield
    finally:
        setattr(module, name, function)


def change_level(app: Celery, level: logs.LevelName) -> Collection[str]:
    """Change the log level of this process and of all workers.

    Args:
        app: The Celery application of the workers.
        level: The lowest level to log.

    Returns:
        The names of the processes that replied within a second; this process is `sidecar`.

    Raises:
        Transient: The broker is unavailable; the level of this process has been changed.
    """
    if _level is not None:
        _level.set(level)
    nodes = broadcast(app, CHANGE, {"level": level})
    log.warning("the log level is now %s", level)
    return {_SIDECAR, *nodes}


@control_command(name=CHANGE, args=[("level", str)], signature="<LEVEL>")
def _change(_state: Any, level: logs.LevelName) -> dict[str, str]:
    if _level is None:
        return {"error": "logging is not configured in this worker"}
    _level.set(level)
    log.warning("the log level is now %s", level)
    return {"ok": level}
