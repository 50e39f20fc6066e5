"""How the processes of the service log."""

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
"""The remote control command of Celery by which workers are told of another level."""

_SIDECAR = "sidecar"

_level: logs.Level | None = None


@contextmanager
def configured_logging(
    settings: Settings, component: str, recorder: Recorder
) -> Iterator[logs.Level]:
    """Log to standard output, for as long as the context lasts.

    Args:
        settings: Say the level and the form.
        component: What kind of process it is.
        recorder: Counts the lines that are dropped.

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
    """Log as a Celery worker and its pool, for as long as the context lasts."""
    with configured_logging(settings, f"worker-{name}", recorder) as level, ExitStack() as stack:

        def keep_ours(**_: Any) -> None:
            """Keep Celery from setting up its own, which it does where nobody listens."""

        def refresh_level(**_: Any) -> None:
            level.refresh()

        def stopping(**_: Any) -> None:
            log.info("the worker stops")

        def flush(**_: Any) -> None:
            logs.flush()

        # Celery writes when it is told to stop, past all logging; a line is logged instead, which
        # its signal handler could not do.
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
    """Change what this process and all workers log.

    Args:
        app: The Celery application of the workers.
        level: From which level on.

    Returns:
        The names of those that answered within a second; this process is `sidecar`.

    Raises:
        Transient: The broker is away; this process has changed all the same.
    """
    if _level is not None:
        _level.set(level)
    nodes = broadcast(app, CHANGE, {"level": level})
    log.warning("the log level is %s now", level)
    return {_SIDECAR, *nodes}


@control_command(name=CHANGE, args=[("level", str)], signature="<LEVEL>")
def _change(_state: Any, level: logs.LevelName) -> dict[str, str]:
    if _level is None:
        return {"error": "this worker does not log by us"}
    _level.set(level)
    log.warning("the log level is %s now", level)
    return {"ok": level}
