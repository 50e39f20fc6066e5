"""Structured logs: one JSON object a line on standard output, or coloured lines in a terminal."""

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal

from monitoring.logs.formats import ConsoleLines, JsonLines
from monitoring.logs.level import Level, LevelName
from monitoring.logs.pipe import Pipe

__all__ = ["Level", "LevelName", "LogFormat", "flush", "log_to_stdout", "silence_verbose_loggers"]

log = logging.getLogger(__name__)

LogFormat = Literal["json", "console"]

_QUOTING = {
    # Addresses, which name recordings and people's calendars.
    "httpx2": logging.WARNING,
    "httpcore2": logging.INFO,
    "urllib3": logging.INFO,
    "urllib3_future": logging.INFO,
    "niquests": logging.INFO,
    "caldav": logging.INFO,
    # Commands and answers, and so whole interviews.
    "pymongo": logging.INFO,
    "kafka": logging.WARNING,
    # Addresses again, of Flower's pages.
    "tornado.access": logging.WARNING,
    # The arguments of tasks, and so what producers send.
    "celery.pool": logging.INFO,
}
"""Libraries whose lines quote what passes through them, and the level from which they do not."""


def log_to_stdout(
    component: str, *, form: LogFormat | None = None, dropped: Callable[[], None]
) -> None:
    """Send all that this process logs, and the processes it forks, to standard output.

    Args:
        component: What kind of process it is.
        form: How lines look; None for what suits the output: colours on a terminal, else JSON.
        dropped: Called for each line that had to be dropped.
    """
    descriptor = sys.stdout.fileno()
    terminal = os.isatty(descriptor)
    pipe = Pipe(descriptor, dropped)
    if (form or ("console" if terminal else "json")) == "json":
        pipe.setFormatter(JsonLines(component))
    else:
        pipe.setFormatter(ConsoleLines(component, colours=terminal))
    root = logging.getLogger()
    root.handlers[:] = [pipe]
    logging.captureWarnings(capture=True)
    silence_verbose_loggers()
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    atexit.register(pipe.flush)


def _uncaught(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("the process ends by an error", exc_info=error)


def _uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "?"
    log.critical("the thread %s ends by an error", name, exc_info=ended.exc_value)


def flush() -> None:
    """Wait until what was logged is written, for a few seconds at most."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def silence_verbose_loggers() -> None:
    """Hold back the lines that would show names, addresses and texts, whatever the level is."""
    for name, least in _QUOTING.items():
        logging.getLogger(name).setLevel(least)
