"""Log lines for signals.

| signal            | level          | operation                 |
|-------------------|----------------|---------------------------|
| attempt_ended     | INFO or WARN   | from the bound context    |
| interview_ended   | INFO           | from the bound context    |
| attempt_lost      | WARN           | from the bound context    |
| service_called    | DEBUG or WARN  | from the bound context    |
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tasks.signals import (
    AttemptEnded,
    AttemptLost,
    AttemptOutcome,
    InterviewEnded,
    ServiceCalled,
    attempt_ended,
    attempt_lost,
    interview_ended,
    service_called,
)

log = logging.getLogger("interviews")

_FAILED = (AttemptOutcome.FAILED, AttemptOutcome.RETRY)
_SERVER_ERROR = 500


@contextmanager
def log_outcomes() -> Iterator[None]:
    """Log signals for the duration of the context."""
    with ExitStack() as stack:
        stack.enter_context(attempt_ended.connected(_attempt))
        stack.enter_context(attempt_lost.connected(_lost))
        stack.enter_context(interview_ended.connected(_interview))
        stack.enter_context(service_called.connected(_service))
        yield


def _attempt(event: AttemptEnded) -> None:
    level = logging.WARNING if event.outcome in _FAILED else logging.INFO
    known = {"duration": _milliseconds(event.seconds), "status": str(event.outcome)}
    reason = f": {event.reason}" if event.reason else ""
    log.log(level, "%s ended: %s%s", event.stage, event.outcome, reason, extra=known)


def _lost(event: AttemptLost) -> None:
    log.warning("the previous attempt at %s ended without an outcome", event.stage)


def _interview(event: InterviewEnded) -> None:
    known = {"duration": _milliseconds(event.seconds), "status": str(event.status)}
    log.info("the %s interview is %s", event.type, event.status, extra=known)


def _service(event: ServiceCalled) -> None:
    wrong = event.status is None or event.status >= _SERVER_ERROR
    level = logging.WARNING if wrong else logging.DEBUG
    known = {"duration": _milliseconds(event.seconds), "status": "error" if wrong else "success"}
    log.log(
        level, "%s %s: %s", event.service, event.endpoint, event.status or "no answer", extra=known
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
