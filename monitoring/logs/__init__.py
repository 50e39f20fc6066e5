"""Structured logging to standard output: one JSON object per line, or colours in a terminal."""

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

_VERBOSE_LOGGERS = {
    # Logs URLs, which name recordings and calendars.
    "httpx2": logging.WARNING,
    "httpcore2": logging.INFO,
    "urllib3": logging.INFO,
    "urllib3_future": logging.INFO,
    "niquests": logging.INFO,
    "caldav": logging.INFO,
    # Logs commands and replies, which contain whole interviews.
    "pymongo": logging.INFO,
    "kafka": logging.WARNING,
    # Logs the URLs of Flower's pages.
    "tornado.access": logging.WARNING,
    # Logs task arguments, which contain submissions.
    "celery.pool": logging.INFO,
}
"""Libraries that log the data they process, and the lowest level at which they do not."""


def log_to_stdout(
    component: str, *, form: LogFormat | None = None, dropped: Callable[[], None]
) -> None:
    """Log to standard output, in this process and those it forks.

    Args:
        component: The kind of process.
        form: The format; None to choose by output: colours on a terminal, else JSON.
        dropped: Called for each line that is dropped.
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
    log.critical("uncaught exception in the process", exc_info=error)


def _uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "?"
    log.critical("uncaught exception in thread %s", name, exc_info=ended.exc_value)


def flush() -> None:
    """Wait until pending lines are written, for a few seconds at most."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def silence_verbose_loggers() -> None:
    """Suppress lines that contain names, addresses or texts, at any log level."""
    for name, level in _VERBOSE_LOGGERS.items():
        logging.getLogger(name).setLevel(level)
