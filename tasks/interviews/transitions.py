"""Every change an interview can undergo, as data that a store applies in one atomic step.

The functions here are pure: they say in which statuses a change is allowed, what it sets and what
is announced. A store refuses it, atomically, where the interview is elsewhere by then.
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
    """One atomic step of one interview.

    Attributes:
        name: What is being done, for messages.
        when: The statuses in which it is allowed; in any other it is an `IllegalTransition`.
        to: The status it leads to, or None to stay.
        match: Fields, by dotted path, that must have these values; else it is `Superseded`.
        lapsed: Fields, by dotted path, that must be null or before a moment; else it is
            `Superseded`.
        values: Fields, by dotted path, and their new values (plain values or models).
        increments: Fields, by dotted path, that go up by one.
        events: What is announced if the change takes place, and only then.
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
    """The announcement of a new interview."""
    return _event(interview, EventType.CREATED, interview.created_at, source=interview.source)


LEASE = timedelta(seconds=30)
"""How long a run has an interview to itself, if it does not ask for more."""


def begin(stage: Stage, run: str, now: datetime, lease: timedelta = LEASE) -> Change:
    """A run takes hold of a stage: from now on results of any other run are refused.

    It is refused as long as another run has the lease. That one may still be working when its
    lease has lapsed: its result will be `Superseded`.
    """
    entry = {Status.QUEUED} if stage is Stage.TRANSCRIBE else set()
    return Change(
        name=f"begin to {stage}",
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
    """A run reports how far it has got, and learns whether it still owns the stage."""
    return Change(
        name=f"go on to {stage}",
        when=frozenset({stage.status}),
        match={f"stages.{stage}.run": run},
        values={f"stages.{stage}.progress": percent, "updated_at": now},
    )


def renew(stage: Stage, run: str, now: datetime, lease: timedelta = LEASE) -> Change:
    """A run that is still working asks for more time."""
    return Change(
        name=f"go on to {stage}",
        when=frozenset({stage.status}),
        match={f"stages.{stage}.run": run},
        values={"lease_until": now + lease},
    )


def dispatched(interview: Interview, now: datetime) -> Change:
    """A new message is published for an interview that goes on from nowhere.

    It is refused if anything has happened since the interview was read, so that of two who notice,
    one publishes.
    """
    stage = interview.current_stage
    return Change(
        name="send it on its way again",
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
    """A run delivers the results of its stage, and the interview moves on.

    Args:
        interview: The interview as it was when the run began.
        stage: The stage that is done.
        run: The run that did it.
        now: The present moment.
        provider: The provider that did the work, where there was one.
        results: Fields of the document, and their new values.
        event_data: What the event tells of the results.
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
        name=f"finish to {stage}",
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
    """A run failed and will be tried again: the error is kept, the status stays."""
    return Change(
        name=f"try again to {stage}",
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
    """A run is broken off through no fault of its own: it is as if it had not begun."""
    return Change(
        name=f"give back what there is to {stage}",
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
    """A run failed for good, and the interview with it."""
    return Change(
        name=f"fail to {stage}",
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
    """Somebody calls the interview off; a stage at work stops at its next step."""
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
    """Somebody sends a failed interview on its way again, from the stage that failed."""
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
    """What is known of the interview is about to be removed, which nobody may get in the way of."""
    return Change(
        name="erase",
        when=FINAL,
        match={"rounds": interview.rounds},
        values={"erasing_at": now},
    )


def reviewed(before: Report, after: Report, now: datetime) -> Change:
    """A human had a word on the report; of two reviewers at once, one is told to look again."""
    return Change(
        name="review",
        when=frozenset(Status),
        match={"report.review.state": before.review.state, "report.review.at": before.review.at},
        values={"report": after, "updated_at": now},
    )


def feedback_given(report: Report, feedback: Feedback) -> Change:
    """Somebody says of a part of a report whether they agree; only their last word on it is kept.

    Each has a field of its own, so that what one says never gets in the way of another.
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
