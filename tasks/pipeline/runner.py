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
from tasks.context import note
from tasks.errors import UNWANTED, InterviewWorkerError, NotFound, Permanent, Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Stage, StageRecord, Status
from tasks.interviews.transitions import Change
from tasks.lease import keeping
from tasks.pipeline.backoff import delay
from tasks.pipeline.services import Services, current
from tasks.signals import (
    Attempt,
    AttemptEnded,
    AttemptLost,
    announce_end,
    attempt_ended,
    attempt_lost,
    stopwatch,
)

log = logging.getLogger(__name__)

_WRITE_AGAIN = 0.5
"""Seconds between attempts to write while the store is away."""


def task_name(stage: Stage) -> str:
    """The name of a stage's task, and of its queue."""
    return f"interviews.{stage}"


@dataclass(frozen=True, slots=True)
class Run:
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
    def attempt(self) -> int:
        """The number of this attempt, counted from 1."""
        return self.record.attempts

    def progress(self, percent: float) -> None:
        """Report the percent done.

        Raises:
            Superseded, IllegalTransition, NotFound: The work is no longer wanted.
        """
        step = transitions.advance(self.stage, self.id, round(percent, 1), now())
        self.services.interviews.apply(self.interview.id, step)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has to show.

    Attributes:
        results: Fields of the interview's document, and their values.
        provider: Who did the work, where there was a choice.
        facts: What the event tells of it; nothing about any person.
        undo: Takes back effects outside the document, where the interview is called off meanwhile.
    """

    results: Mapping[str, object]
    provider: str | None = None
    facts: Mapping[str, str | int | float | None] = field(default_factory=dict)
    undo: Callable[[], None] | None = None


Work = Callable[[Run], Outcome]
Undo = Callable[[Run], None]


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

    def announce(outcome: Attempt, reason: str | None = None) -> None:
        attempt_ended.send(AttemptEnded(stage, outcome, seconds(), reason))

    try:
        run = replace(_begin(services, stage, interview_id), undo=undo)
        with keeping(partial(_renew, run), services.lease), _given_back_at_exit(run):
            outcome = _attempt(run, work)
            if outcome.provider is not None:
                note(provider=outcome.provider)
            _deliver(run, outcome)
    except UNWANTED as error:
        log.info("%s of %s is not wanted: %s", stage, interview_id, error.message)
        announce(Attempt.UNWANTED)
        raise Ignore from error
    except _StumbledError as error:
        # The document says when the next attempt is due, and the reconciler sees to it.
        announce(Attempt.RETRY, error.cause.code)
        raise Ignore from error
    except Transient as error:
        # The store is away, and knows no more than that nobody renews the lease.
        log.warning("%s of %s is left to the reconciler: %s", stage, interview_id, error.message)
        announce(Attempt.RETRY)
        raise Ignore from error
    except SystemExit:
        announce(Attempt.RETRY, "shutdown")
        raise
    except Exception:
        announce(Attempt.FAILED)
        raise
    announce(Attempt.SUCCESS)


def _begin(services: Services, stage: Stage, interview_id: str) -> Run:
    run_id = uuid4().hex
    services.interviews.apply(interview_id, transitions.begin(stage, run_id, now(), services.lease))
    run = Run(stage, run_id, services.interviews.get(interview_id), services)
    note(attempt=run.attempt)
    before, last = run.attempt - 1, run.record.error
    if before and (last is None or last.attempt != before):
        attempt_lost.send(AttemptLost(stage))
    return run


@contextmanager
def _given_back_at_exit(run: Run) -> Iterator[None]:
    """Let another worker begin at once where this one stops; its attempt does not count."""
    try:
        yield
    except SystemExit:
        given_back = transitions.give_back(run.interview, run.stage, run.id)
        try:
            run.services.interviews.apply(run.interview.id, given_back)
        except InterviewWorkerError as error:
            log.info("%s of %s is not given back: %s", run.stage, run.interview.id, error.message)
        raise


class _StumbledError(Exception):
    """An attempt failed and another is due."""

    def __init__(self, cause: Transient) -> None:
        super().__init__(cause.message)
        self.cause = cause


def _renew(run: Run) -> None:
    renewed = transitions.renew(run.stage, run.id, now(), run.services.lease)
    run.services.interviews.apply(run.interview.id, renewed)


def _attempt(run: Run, work: Work) -> Outcome:
    try:
        _check_attempts(run)
        return work(run)
    except UNWANTED:
        raise
    except Transient as error:
        if run.attempt >= run.services.max_attempts:
            _fail(run, error)
            raise Permanent(error.message, code=error.code) from error
        _stumble(run, error)
        raise _StumbledError(error) from error
    except InterviewWorkerError as error:
        _fail(run, error)
        raise
    except SoftTimeLimitExceeded as error:
        limit = Permanent(f"{run.stage} took longer than it may", code="time_limit")
        _fail(run, limit)
        raise limit from error
    except Exception as error:
        # The message stays in the log: it may quote what was said.
        bug = Permanent(f"unexpected {type(error).__name__}", code="internal_error")
        _fail(run, bug)
        raise


def _check_attempts(run: Run) -> None:
    if run.attempt > run.services.max_attempts:
        # The attempts before this one ended without a word: they took their process with them.
        lost = run.attempt - 1
        raise Permanent(f"{run.stage} was given up after {lost} attempts", code="poison")


def _stumble(run: Run, error: Transient) -> None:
    wait = delay(run.services.backoff, run.attempt, error.retry_after)
    _write(run, transitions.stumble(run.interview, run.stage, run.id, error, now(), wait))


def _fail(run: Run, error: InterviewWorkerError) -> None:
    _undo(run)
    _write(run, transitions.fail(run.interview, run.stage, run.id, error, now()))
    announce_end(run.interview, Status.FAILED)


def _undo(run: Run) -> None:
    """Take back what nobody will know of; before the end is written, lest it be forgotten."""
    if run.undo is None:
        return
    try:
        # Another run that has taken over may be doing the same thing anew.
        _renew(run)
        run.undo(run)
    except UNWANTED:
        raise
    except InterviewWorkerError as error:
        log.warning("%s of %s leaves something behind: %s", run.stage, run.interview.id, error)


def _deliver(run: Run, outcome: Outcome) -> None:
    finished = transitions.finish(
        run.interview,
        run.stage,
        run.id,
        now(),
        provider=outcome.provider,
        results=outcome.results,
        facts=outcome.facts,
    )
    try:
        _write(run, finished)
    except UNWANTED:
        if outcome.undo is not None and _called_off(run):
            outcome.undo()
        raise
    if run.stage.following is Status.COMPLETED:
        announce_end(run.interview, Status.COMPLETED)


def _write(run: Run, change: Change) -> None:
    """Apply a change that work went into, with patience while the store is away."""
    deadline = monotonic() + run.services.lease.total_seconds()
    while True:
        try:
            run.services.interviews.apply(run.interview.id, change)
        except Transient:
            if monotonic() > deadline:
                raise
            sleep(_WRITE_AGAIN)
        else:
            return


def _called_off(run: Run) -> bool:
    """Whether the interview was cancelled or erased; else another run has the same effects."""
    try:
        return run.services.interviews.get(run.interview.id).status is Status.CANCELLED
    except NotFound:
        return True
