"""Execution of a stage: claim the interview, do the work, store the result or the failure."""

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
"""Seconds between write attempts while the store is unavailable."""


def task_name(stage: Stage) -> str:
    """The name of a stage's task and of its queue."""
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
        """The stored record of the stage."""
        return self.interview.stages[self.stage]

    @property
    def number(self) -> int:
        """The number of this attempt, counted from 1."""
        return self.record.attempts

    def progress(self, percent: float) -> None:
        """Report progress in percent.

        Raises:
            Superseded, IllegalTransition, NotFound: The result is no longer wanted.
        """
        step = transitions.report_progress(self.stage, self.id, round(percent, 1), now())
        self.services.interviews.apply(self.interview.id, step)


@dataclass(frozen=True, slots=True)
class StageResult:
    """The result of a stage.

    Attributes:
        results: Fields of the interview's document, and their values.
        provider: The provider that was used, if there was a choice.
        event_data: The event's data; never personal data.
        undo: Undoes effects outside the document if the interview was cancelled in the meantime.
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
        work: Does the work of the stage.
        undo: Undoes effects that attempts may have had outside the document, if the stage fails
            permanently.

    Raises:
        Ignore: The stage was not wanted (any more) or will be retried; the chain ends here.
        SystemExit: The worker shuts down before the stage has finished.
        InterviewWorkerError: The stage failed permanently, and the interview with it.
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
        log.info("skipping %s of %s: %s", stage, interview_id, error.message)
        announce(AttemptOutcome.UNWANTED)
        raise Ignore from error
    except _RetryScheduled as error:
        # The document records when the next attempt is due; the reconciler dispatches it.
        announce(AttemptOutcome.RETRY, error.cause.code)
        raise Ignore from error
    except Transient as error:
        # The store is unavailable. The lease will expire, and the reconciler dispatches the stage
        # again.
        log.warning("leaving %s of %s to the reconciler: %s", stage, interview_id, error.message)
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
    """Release the stage on shutdown for another worker; the attempt is not counted."""
    try:
        yield
    except SystemExit:
        released = transitions.release(attempt.interview, attempt.stage, attempt.id)
        try:
            attempt.services.interviews.apply(attempt.interview.id, released)
        except InterviewWorkerError as error:
            log.info(
                "failed to release %s of %s: %s", attempt.stage, attempt.interview.id, error.message
            )
        raise


class _RetryScheduled(Exception):
    """An attempt failed and another one is due."""

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
        limit = Permanent(f"{attempt.stage} exceeded its time limit", code="time_limit")
        _fail(attempt, limit)
        raise limit from error
    except Exception as error:
        # The exception's message is only logged, not stored: it may quote the interview.
        bug = Permanent(f"unexpected {type(error).__name__}", code="internal_error")
        _fail(attempt, bug)
        raise


def _check_attempts(attempt: Attempt) -> None:
    if attempt.number > attempt.services.max_attempts:
        # Earlier attempts ended without recording an outcome: they crashed with their process.
        lost = attempt.number - 1
        raise Permanent(f"{attempt.stage} crashed in each of {lost} attempts", code="poison")


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
    """Undo external effects before recording the failure, so that a crash cannot orphan them."""
    if attempt.undo is None:
        return
    try:
        # Another run that has taken over may be producing the same effects again.
        _renew(attempt)
        attempt.undo(attempt)
    except STALE:
        raise
    except InterviewWorkerError as error:
        log.warning(
            "failed to undo the effects of %s of %s: %s", attempt.stage, attempt.interview.id, error
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
    """Apply a change that stores the outcome of work, retrying while the store is unavailable."""
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
    """Whether the interview was cancelled or erased; if not, another run needs the same effects."""
    try:
        return attempt.services.interviews.get(attempt.interview.id).status is Status.CANCELLED
    except NotFound:
        return True
