"""Lines on what came of the work: signal → line.

| signal            | level          | operation         |
|-------------------|----------------|-------------------|
| attempt_ended     | INFO or WARN   | that at hand      |
| interview_ended   | INFO           | that at hand      |
| attempt_lost      | WARN           | that at hand      |
| service_called    | DEBUG or WARN  | that at hand      |
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tasks.signals import (
    Attempt,
    AttemptEnded,
    AttemptLost,
    InterviewEnded,
    ServiceCalled,
    attempt_ended,
    attempt_lost,
    interview_ended,
    service_called,
)

log = logging.getLogger("interviews")

_FAILED = (Attempt.FAILED, Attempt.RETRY)
_SERVER_ERROR = 500


@contextmanager
def logged() -> Iterator[None]:
    """Write of what is announced, for as long as the context lasts."""
    with ExitStack() as stack:
        stack.enter_context(attempt_ended.heard_by(_attempt))
        stack.enter_context(attempt_lost.heard_by(_lost))
        stack.enter_context(interview_ended.heard_by(_interview))
        stack.enter_context(service_called.heard_by(_service))
        yield


def _attempt(fact: AttemptEnded) -> None:
    level = logging.WARNING if fact.outcome in _FAILED else logging.INFO
    known = {"duration": _milliseconds(fact.seconds), "status": str(fact.outcome)}
    reason = f": {fact.reason}" if fact.reason else ""
    log.log(level, "%s ended: %s%s", fact.stage, fact.outcome, reason, extra=known)


def _lost(fact: AttemptLost) -> None:
    log.warning("the attempt before this one at %s ended without a word", fact.stage)


def _interview(fact: InterviewEnded) -> None:
    known = {"duration": _milliseconds(fact.seconds), "status": str(fact.status)}
    log.info("the %s interview is %s", fact.type, fact.status, extra=known)


def _service(fact: ServiceCalled) -> None:
    wrong = fact.status is None or fact.status >= _SERVER_ERROR
    level = logging.WARNING if wrong else logging.DEBUG
    known = {"duration": _milliseconds(fact.seconds), "status": "error" if wrong else "success"}
    log.log(
        level, "%s %s: %s", fact.service, fact.endpoint, fact.status or "no answer", extra=known
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
