"""How a stage is run: claimed, worked, and its outcome delivered or refused."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic, sleep
from uuid import uuid4

from celery.exceptions import Ignore, SoftTimeLimitExceeded

from tasks.clock import now
from tasks.context import bind
from tasks.errors import STALE, InterviewWorkerError, NotFound, Permanent, Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Stage, StageRecord, Status
from tasks.interviews.transitions import Change
from tasks.lease import renewing
from tasks.pipeline.backoff import delay
from tasks.pipeline.services import Services, current
from tasks.signals import (
    AttemptEnded,
    AttemptLost,
    AttemptOutcome,
    announce_end,
    attempt_ended,
    attempt_lost,
    stopwatch,
)

log = logging.getLogger(__name__)

_WRITE_RETRY_SECONDS = 0.5
"""Seconds between attempts to write while the store is away."""


def task_name(stage: Stage) -> str:
    """The name of a stage's task, and of its queue."""
    return f"interviews.{stage}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a stage of an interview."""

    stage: Stage
    id: str
    interview: Interview
    services: Services
    undo: "Undo | None" = None

    @property
    def record(self) -> StageRecord:
        """What is known of the stage."""
        return self.interview.stages[self.stage]

    @property
    def number(self) -> int:
        """The number of this attempt, counted from 1."""
        return self.record.attempts

    def progress(self, percent: float) -> None:
        """Report the percent done.

        Raises:
            Superseded, IllegalTransition, NotFound: The work is no longer wanted.
        """
        step = transitions.report_progress(self.stage, self.id, round(percent, 1), now())
        self.services.interviews.apply(self.interview.id, step)


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a run has to show.

    Attributes:
        results: Fields of the interview's document, and their values.
        provider: Who did the work, where there was a choice.
        event_data: What the event tells of it; nothing about any person.
        undo: Takes back effects outside the document, where the interview is called off meanwhile.
    """

    results: Mapping[str, object]
    provider: str | None = None
    event_data: Mapping[str, str | int | float | None] = field(default_factory=dict)
    undo: Callable[[], None] | None = None


Work = Callable[[Attempt], StageResult]
Undo = Callable[[Attempt], None]


def execute(stage: Stage, interview_id: str, work: Work, undo: Undo | None = None) -> None:
    """Run a stage for one interview, inside its Celery task.

    Args:
        stage: The stage.
        interview_id: The interview.
        work: Does it.
        undo: Takes back what attempts may have done outside the document, where the stage fails
            for good.

    Raises:
        Ignore: The work is not wanted (any more), or will be tried again; the chain ends here.
        SystemExit: The worker stops, and cannot wait for the stage.
        InterviewWorkerError: The stage failed for good, and the interview with it.
    """
    services = current()
    seconds = stopwatch()

    def announce(outcome: AttemptOutcome, reason: str | None = None) -> None:
        attempt_ended.send(AttemptEnded(stage, outcome, seconds(), reason))

    try:
        attempt = replace(_begin(services, stage, interview_id), undo=undo)
        with renewing(partial(_renew, attempt), services.lease), _release_on_shutdown(attempt):
            outcome = _perform(attempt, work)
            if outcome.provider is not None:
                bind(provider=outcome.provider)
            _finish(attempt, outcome)
    except STALE as error:
        log.info("%s of %s is not wanted: %s", stage, interview_id, error.message)
        announce(AttemptOutcome.UNWANTED)
        raise Ignore from error
    except _RetryScheduled as error:
        # The document says when the next attempt is due, and the reconciler sees to it.
        announce(AttemptOutcome.RETRY, error.cause.code)
        raise Ignore from error
    except Transient as error:
        # The store is away, and knows no more than that nobody renews the lease.
        log.warning("%s of %s is left to the reconciler: %s", stage, interview_id, error.message)
        announce(AttemptOutcome.RETRY)
        raise Ignore from error
    except SystemExit:
        announce(AttemptOutcome.RETRY, "shutdown")
        raise
    except Exception:
        announce(AttemptOutcome.FAILED)
        raise
    announce(AttemptOutcome.SUCCESS)


def _begin(services: Services, stage: Stage, interview_id: str) -> Attempt:
    run_id = uuid4().hex
    services.interviews.apply(interview_id, transitions.begin(stage, run_id, now(), services.lease))
    attempt = Attempt(stage, run_id, services.interviews.get(interview_id), services)
    bind(attempt=attempt.number)
    before, last = attempt.number - 1, attempt.record.error
    if before and (last is None or last.attempt != before):
        attempt_lost.send(AttemptLost(stage))
    return attempt


@contextmanager
def _release_on_shutdown(attempt: Attempt) -> Iterator[None]:
    """Let another worker begin at once where this one stops; its attempt does not count."""
    try:
        yield
    except SystemExit:
        released = transitions.release(attempt.interview, attempt.stage, attempt.id)
        try:
            attempt.services.interviews.apply(attempt.interview.id, released)
        except InterviewWorkerError as error:
            log.info(
                "%s of %s is not given back: %s", attempt.stage, attempt.interview.id, error.message
            )
        raise


class _RetryScheduled(Exception):
    """An attempt failed and another is due."""

    def __init__(self, cause: Transient) -> None:
        super().__init__(cause.message)
        self.cause = cause


def _renew(attempt: Attempt) -> None:
    renewed = transitions.renew(attempt.stage, attempt.id, now(), attempt.services.lease)
    attempt.services.interviews.apply(attempt.interview.id, renewed)


def _perform(attempt: Attempt, work: Work) -> StageResult:
    try:
        _check_attempts(attempt)
        return work(attempt)
    except STALE:
        raise
    except Transient as error:
        if attempt.number >= attempt.services.max_attempts:
            _fail(attempt, error)
            raise Permanent(error.message, code=error.code) from error
        _schedule_retry(attempt, error)
        raise _RetryScheduled(error) from error
    except InterviewWorkerError as error:
        _fail(attempt, error)
        raise
    except SoftTimeLimitExceeded as error:
        limit = Permanent(f"{attempt.stage} took longer than it may", code="time_limit")
        _fail(attempt, limit)
        raise limit from error
    except Exception as error:
        # The message stays in the log: it may quote what was said.
        bug = Permanent(f"unexpected {type(error).__name__}", code="internal_error")
        _fail(attempt, bug)
        raise


def _check_attempts(attempt: Attempt) -> None:
    if attempt.number > attempt.services.max_attempts:
        # The attempts before this one ended without a word: they took their process with them.
        lost = attempt.number - 1
        raise Permanent(f"{attempt.stage} was given up after {lost} attempts", code="poison")


def _schedule_retry(attempt: Attempt, error: Transient) -> None:
    wait = delay(attempt.services.backoff, attempt.number, error.retry_after)
    _apply(
        attempt,
        transitions.schedule_retry(
            attempt.interview, attempt.stage, attempt.id, error, now(), wait
        ),
    )


def _fail(attempt: Attempt, error: InterviewWorkerError) -> None:
    _undo(attempt)
    _apply(attempt, transitions.fail(attempt.interview, attempt.stage, attempt.id, error, now()))
    announce_end(attempt.interview, Status.FAILED)


def _undo(attempt: Attempt) -> None:
    """Take back what nobody will know of; before the end is written, lest it be forgotten."""
    if attempt.undo is None:
        return
    try:
        # Another run that has taken over may be doing the same thing anew.
        _renew(attempt)
        attempt.undo(attempt)
    except STALE:
        raise
    except InterviewWorkerError as error:
        log.warning(
            "%s of %s leaves something behind: %s", attempt.stage, attempt.interview.id, error
        )


def _finish(attempt: Attempt, outcome: StageResult) -> None:
    finished = transitions.finish(
        attempt.interview,
        attempt.stage,
        attempt.id,
        now(),
        provider=outcome.provider,
        results=outcome.results,
        event_data=outcome.event_data,
    )
    try:
        _apply(attempt, finished)
    except STALE:
        if outcome.undo is not None and _was_cancelled(attempt):
            outcome.undo()
        raise
    if attempt.stage.next_status is Status.COMPLETED:
        announce_end(attempt.interview, Status.COMPLETED)


def _apply(attempt: Attempt, change: Change) -> None:
    """Apply a change that work went into, with patience while the store is away."""
    deadline = monotonic() + attempt.services.lease.total_seconds()
    while True:
        try:
            attempt.services.interviews.apply(attempt.interview.id, change)
        except Transient:
            if monotonic() > deadline:
                raise
            sleep(_WRITE_RETRY_SECONDS)
        else:
            return


def _was_cancelled(attempt: Attempt) -> bool:
    """Whether the interview was cancelled or erased; else another run has the same effects."""
    try:
        return attempt.services.interviews.get(attempt.interview.id).status is Status.CANCELLED
    except NotFound:
        return True
