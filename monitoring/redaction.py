"""Redaction of log lines.

Interview content and personal names have no pattern to search for, so they must not be logged in
the first place. Our own messages contain ids and codes only. For exceptions of other packages only
the type is logged, because their messages quote the data that caused them. Data with a recognisable
pattern is masked in all messages.
"""

import logging
import re
from types import TracebackType

from tasks.errors import InterviewWorkerError

MASK = "***"

_PATTERNS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    # The credentials of a URL, and its query, which may contain a signature.
    ("://", re.compile(r"(?<=://)[^/\s@]+@"), f"{MASK}@"),
    (
        "://",
        re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#'\"<>]+)[?#][^\s'\"<>]+"),
        rf"\1?{MASK}",
    ),
    ("", re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    # Our API keys, webhook secrets, keys of OpenAI, Anthropic and Google, and JSON Web Tokens.
    (
        "",
        re.compile(r"\b(?:iw_[0-9a-f]{6,}_|whsec_|sk-|AIza|ya29\.|eyJ[\w-]+\.)[\w./+=-]{4,}"),
        MASK,
    ),
    ("@", re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), MASK),
    # Telephone numbers: international, with a trunk prefix, or in groups of three, three and four.
    ("", re.compile(r"(?<![\w+-])(?:\+|0)\d[\d ()./-]{6,18}\d(?![\w-])"), MASK),
    ("", re.compile(r"(?<![\w-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"), MASK),
)
"""For each pattern: a required substring, which is much faster to find; the pattern; its
replacement."""

_CELERY_TRACE = "celery.app.trace"
"""The logger that formats the exceptions of failed tasks into its messages' arguments."""


def redact(text: str) -> str:
    """Mask addresses, telephone numbers, credentials and signatures in a text."""
    for required, pattern, replacement in _PATTERNS:
        if required in text:
            text = pattern.sub(replacement, text)
    return text


def safe_text(error: BaseException) -> str:
    """A description of an exception without personal data."""
    if isinstance(error, InterviewWorkerError):
        return redact(error.message)
    name = type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return name


def message_of(record: logging.LogRecord) -> str:
    """The redacted message of a record."""
    arguments = record.args
    if isinstance(arguments, tuple):
        arguments = tuple(map(_safe_argument, arguments))
    elif isinstance(arguments, dict):
        arguments = {name: _safe_argument(value) for name, value in arguments.items()}
        if record.name == _CELERY_TRACE and "exc" in arguments:
            error = record.exc_info[1] if record.exc_info else None
            arguments |= {"exc": safe_text(error) if error else MASK, "traceback": ""}
    message = str(record.msg)
    return redact(message % arguments if arguments else message)


def stack_of(error: BaseException) -> str:
    """The stack of an exception and its causes: locations and types, without messages."""
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        parts.append("\n".join([*_frames(cause.__traceback__), type(cause).__qualname__]))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\nafter\n".join(reversed(parts))


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames


def _safe_argument(argument: object) -> object:
    return safe_text(argument) if isinstance(argument, BaseException) else argument
