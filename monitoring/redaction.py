"""What a log line must not say, and what stands in its place.

What was said in an interview and what people are called has no shape that a pattern could find: it
is kept out by not being written. Our own messages hold ids and codes; of other people's exceptions
only the type is told, since their texts quote what they stumbled over. What has a shape is masked
wherever it comes from.
"""

import logging
import re
from types import TracebackType

from tasks.errors import InterviewWorkerError

MASK = "***"

_SHAPES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    # The user of a URL, and its query, which is where signatures are.
    ("://", re.compile(r"(?<=://)[^/\s@]+@"), f"{MASK}@"),
    (
        "://",
        re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#'\"<>]+)[?#][^\s'\"<>]+"),
        rf"\1?{MASK}",
    ),
    ("", re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    # Keys of ours, webhook secrets, those of OpenAI, Anthropic and Google, and JSON web tokens.
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
"""What each shape cannot be without, which is found much faster; its pattern; what replaces it."""

_CELERY_TRACE = "celery.app.trace"
"""The logger whose lines on failed tasks have the text of the exception among their arguments."""


def redact(text: str) -> str:
    """A text without addresses, telephone numbers, credentials and signatures."""
    for essential, shape, instead in _SHAPES:
        if essential in text:
            text = shape.sub(instead, text)
    return text


def safe_text(error: BaseException) -> str:
    """What may be said of an exception."""
    if isinstance(error, InterviewWorkerError):
        return redact(error.message)
    name = type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return name


def message_of(record: logging.LogRecord) -> str:
    """The message of a record, without what it must not say."""
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
    """Where an exception came from, and where its causes did: places and types, and no texts."""
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
