"""State transitions of interviews, as data that a store applies atomically.

The functions are pure: each returns the statuses in which a change is allowed, the fields it sets
and the events it records. A store refuses a change if the interview no longer meets its conditions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tasks.analysis.feedback import Feedback
from tasks.analysis.report import Report
from tasks.errors import IllegalTransition, InterviewWorkerError, Transient
from tasks.interviews.events import Event, EventType, event_id
from tasks.interviews.interview import (
    ACTIVE,
    FINAL,
    TRANSITIONS,
    Interview,
    Stage,
    StageError,
    StageRecord,
    Status,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One atomic update of an interview.

    Attributes:
        name: The operation, for error messages.
        when: The statuses in which it is allowed; any other raises `IllegalTransition`.
        to: The new status, or None to keep it.
        match: Fields, by dotted path, and their required values; a mismatch raises `Superseded`.
        lapsed: Fields, by dotted path, that must be null or before a given time; else `Superseded`.
        values: Fields, by dotted path, and their new values (plain values or models).
        increments: Fields, by dotted path, to increment by one.
        events: Events recorded in the same update.
        callback_url: Where the events are posted as well.
    """

    name: str
    when: frozenset[Status]
    to: Status | None = None
    match: Mapping[str, object] = field(default_factory=dict)
    lapsed: Mapping[str, datetime] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)
    increments: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    callback_url: str | None = None

    def __post_init__(self) -> None:
        for status in self.when:
            if self.to not in (None, status) and self.to not in TRANSITIONS[status]:
                raise IllegalTransition(f"cannot {self.name}: {self.to} never follows {status}")


def created(interview: Interview) -> Event:
    """The event for a new interview."""
    return _event(interview, EventType.CREATED, interview.created_at, source=interview.source)


LEASE = timedelta(seconds=30)
"""The default duration of a run's lease."""


def begin(stage: Stage, run: str, now: datetime, lease: timedelta = LEASE) -> Change:
    """Claim a stage for a run; from now on, results of any other run are refused.

    Refused while another run holds the lease. After its lease has expired that run may still be
    working; its result will be `Superseded`.
    """
    entry = {Status.QUEUED} if stage is Stage.TRANSCRIBE else set()
    return Change(
        name=f"begin stage {stage}",
        when=frozenset({stage.status} | entry),
        to=stage.status,
        values={
            f"stages.{stage}.run": run,
            f"stages.{stage}.started_at": now,
            f"stages.{stage}.progress": 0.0,
            "lease_until": now + lease,
            "next_attempt_at": None,
            "updated_at": now,
        },
        lapsed={"lease_until": now},
        increments=(f"stages.{stage}.attempts",),
    )


def report_progress(stage: Stage, run: str, percent: float, now: datetime) -> Change:
    """Record a run's progress; refused if the run no longer owns the stage."""
    return Change(
        name=f"report progress of stage {stage}",
        when=frozenset({stage.status}),
        match={f"stages.{stage}.run": run},
        values={f"stages.{stage}.progress": percent, "updated_at": now},
    )


def renew(stage: Stage, run: str, now: datetime, lease: timedelta = LEASE) -> Change:
    """Renew a run's lease."""
    return Change(
        name=f"renew the lease of stage {stage}",
        when=frozenset({stage.status}),
        match={f"stages.{stage}.run": run},
        values={"lease_until": now + lease},
    )


def dispatched(interview: Interview, now: datetime) -> Change:
    """Record that a new message is published for an interview that has none.

    Refused if the interview has changed since it was read, so that only one of several concurrent
    reconcilers publishes a message.
    """
    stage = interview.current_stage
    return Change(
        name="dispatch it again",
        when=frozenset({interview.status}),
        match={
            "rounds": interview.rounds,
            "message_at": interview.message_at,
            "lease_until": interview.lease_until,
            "next_attempt_at": interview.next_attempt_at,
            f"stages.{stage}.attempts": interview.stages[stage].attempts if stage else 0,
        },
        values={"message_at": now, "lease_until": None, "next_attempt_at": None},
    )


def finish(
    interview: Interview,
    stage: Stage,
    run: str,
    now: datetime,
    *,
    provider: str | None,
    results: Mapping[str, object],
    event_data: Mapping[str, str | int | float | None],
) -> Change:
    """Store a run's results and advance the interview to the next status.

    Args:
        interview: The interview as it was when the run began.
        stage: The completed stage.
        run: The run that completed it.
        now: The current time.
        provider: The provider that was used, if any.
        results: Fields of the document, and their new values.
        event_data: The event's data about the results.
    """
    values: dict[str, object] = {
        **results,
        f"stages.{stage}.finished_at": now,
        f"stages.{stage}.provider": provider,
        f"stages.{stage}.progress": 100.0,
        # Celery publishes the next link of the chain.
        "message_at": now,
        "lease_until": None,
        "updated_at": now,
    }
    events = [_event(interview, _DONE[stage], now, **event_data)]
    if stage.next_status is Status.COMPLETED:
        values |= {"finished_at": now, "message_at": None}
        events.append(_event(interview, EventType.COMPLETED, now))
    return Change(
        name=f"finish stage {stage}",
        when=frozenset({stage.status}),
        to=stage.next_status,
        match={f"stages.{stage}.run": run},
        values=values,
        events=tuple(events),
        callback_url=interview.callback_url,
    )


def schedule_retry(
    interview: Interview,
    stage: Stage,
    run: str,
    error: InterviewWorkerError,
    now: datetime,
    delay: timedelta = timedelta(0),
) -> Change:
    """Record a failed run that will be retried: the error is stored, the status stays."""
    return Change(
        name=f"retry stage {stage}",
        when=frozenset({stage.status}),
        match={f"stages.{stage}.run": run},
        values={
            f"stages.{stage}.error": _stage_error(interview, stage, error),
            "lease_until": None,
            "next_attempt_at": now + delay,
            "updated_at": now,
        },
    )


def release(interview: Interview, stage: Stage, run: str) -> Change:
    """Undo the claim of a run that was interrupted by a shutdown, so its attempt does not count."""
    return Change(
        name=f"release stage {stage}",
        when=frozenset({stage.status}),
        match={f"stages.{stage}.run": run},
        values={
            f"stages.{stage}.attempts": interview.stages[stage].attempts - 1,
            f"stages.{stage}.run": None,
            "lease_until": None,
        },
    )


def fail(
    interview: Interview, stage: Stage, run: str, error: InterviewWorkerError, now: datetime
) -> Change:
    """Fail a stage permanently, and the interview with it."""
    return Change(
        name=f"fail stage {stage}",
        when=frozenset({stage.status}),
        to=Status.FAILED,
        match={f"stages.{stage}.run": run},
        values={
            f"stages.{stage}.error": _stage_error(interview, stage, error),
            "message_at": None,
            "lease_until": None,
            "finished_at": now,
            "updated_at": now,
        },
        events=(_event(interview, EventType.FAILED, now, stage=stage, error=error.code),),
        callback_url=interview.callback_url,
    )


def cancel(interview: Interview, now: datetime) -> Change:
    """Cancel the interview; a running stage stops at its next step."""
    return Change(
        name="cancel",
        when=ACTIVE,
        to=Status.CANCELLED,
        values={
            "message_at": None,
            "lease_until": None,
            "next_attempt_at": None,
            "finished_at": now,
            "updated_at": now,
        },
        events=(_event(interview, EventType.CANCELLED, now),),
        callback_url=interview.callback_url,
    )


def retry(interview: Interview, now: datetime) -> Change:
    """Retry a failed interview from the stage that failed."""
    stage = interview.failed_stage
    if stage is None:
        raise IllegalTransition(f"cannot retry: the interview is {interview.status}, not failed")
    return Change(
        name="retry",
        when=frozenset({Status.FAILED}),
        to=Status.QUEUED if stage is Stage.TRANSCRIBE else stage.status,
        match={"rounds": interview.rounds, "erasing_at": None},
        values={
            f"stages.{stage}": StageRecord(),
            "retried_at": now,
            "message_at": now,
            "finished_at": None,
            "updated_at": now,
        },
        increments=("rounds",),
    )


def begin_erasure(interview: Interview, now: datetime) -> Change:
    """Mark the interview as being erased, which blocks any later retry."""
    return Change(
        name="erase",
        when=FINAL,
        match={"rounds": interview.rounds},
        values={"erasing_at": now},
    )


def reviewed(before: Report, after: Report, now: datetime) -> Change:
    """Store a reviewed report; refused if another review was stored in the meantime."""
    return Change(
        name="review",
        when=frozenset(Status),
        match={"report.review.state": before.review.state, "report.review.at": before.review.at},
        values={"report": after, "updated_at": now},
    )


def feedback_given(report: Report, feedback: Feedback) -> Change:
    """Store a person's feedback on a part of a report, replacing their earlier feedback on it.

    Each person and part has a field of its own, so concurrent feedback does not conflict.
    """
    return Change(
        name="give feedback",
        when=frozenset(Status),
        match={"report.created_at": report.created_at},
        values={f"feedback.{feedback.key}": feedback, "feedback_at": feedback.at},
    )


_DONE = {
    Stage.TRANSCRIBE: EventType.TRANSCRIBED,
    Stage.ANALYSE: EventType.ANALYSED,
    Stage.SCHEDULE: EventType.SCHEDULED,
}


def _stage_error(interview: Interview, stage: Stage, error: InterviewWorkerError) -> StageError:
    return StageError(
        code=error.code,
        message=error.message,
        transient=isinstance(error, Transient),
        attempt=interview.stages[stage].attempts,
    )


def _event(
    interview: Interview, event: EventType, now: datetime, **event_data: str | float | None
) -> Event:
    return Event(
        id=event_id(interview.id, event, interview.rounds),
        type=event,
        interview_id=interview.id,
        at=now,
        facts={"type": interview.type, **event_data},
        traceparent=interview.traceparent,
    )
