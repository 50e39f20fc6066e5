"""Execution of a stage: claims, retries, permanent failures and cancellation."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from celery.exceptions import Ignore, SoftTimeLimitExceeded

from tasks import signals
from tasks.clock import now
from tasks.errors import Permanent, Transient
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Stage, Status
from tasks.pipeline import runner, services
from tasks.pipeline.runner import Attempt, StageResult
from tasks.pipeline.services import Services
from tasks.signals import AttemptOutcome
from tests.fakes.audio import MemoryAudio
from tests.fakes.interviews import MemoryInterviews
from tests.fakes.speech import ScriptedSpeech
from tests.processes import wait_until
from tests.samples import an_interview

Execute = Callable[..., Any]


@pytest.fixture
def store() -> MemoryInterviews:
    return MemoryInterviews()


@pytest.fixture
def audio() -> MemoryAudio:
    return MemoryAudio()


@pytest.fixture
def speech() -> ScriptedSpeech:
    return ScriptedSpeech()


@pytest.fixture(autouse=True)
def provided(
    store: MemoryInterviews, audio: MemoryAudio, speech: ScriptedSpeech
) -> Iterator[Services]:
    unused = cast("Any", None)
    given = Services(
        interviews=store,
        audio=audio,
        speech=speech,
        language=unused,
        calendars=unused,
        reservations=unused,
        max_attempts=3,
        backoff=0.0,
        consent_required=True,
    )
    services.provide(given)
    yield given
    services.provide(None)


@pytest.fixture
def interview(store: MemoryInterviews, audio: MemoryAudio) -> Interview:
    interview = an_interview()
    store.create(interview, transitions.created(interview))
    audio.save(interview.id, "a.flac", io.BytesIO(b"sound"))
    return interview


@pytest.fixture
def execute(store: MemoryInterviews) -> Execute:
    """Run a function as the first stage, repeatedly as long as a retry is due."""

    def run(interview_id: str, work: runner.Work) -> None:
        while True:
            try:
                runner.execute(Stage.TRANSCRIBE, interview_id, work)
            except Ignore:
                if interview_id not in {one.id for one in store.find_due(now(), 9)}:
                    raise
            else:
                return

    return run


def begun_long_ago(run: str) -> transitions.Change:
    """An interview with a run whose lease has expired."""
    return transitions.begin(Stage.TRANSCRIBE, run, now(), timedelta(0))


def done(_: Attempt) -> StageResult:
    return StageResult(results={}, provider="scripted")


def failing(times: int, error: BaseException) -> runner.Work:
    left = [error] * times

    def work(attempt: Attempt) -> StageResult:
        if left:
            raise left.pop()
        return done(attempt)

    return work


def test_delivers(execute: Execute, store: MemoryInterviews, interview: Interview) -> None:
    execute(interview.id, done)
    found = store.get(interview.id)
    assert found.status is Status.ANALYSING
    record = found.stages[Stage.TRANSCRIBE]
    assert (record.attempts, record.provider, record.error) == (1, "scripted", None)


def test_tries_again_after_a_transient_error(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    execute(interview.id, failing(2, Transient("away", code="away")))
    found = store.get(interview.id)
    assert found.status is Status.ANALYSING
    record = found.stages[Stage.TRANSCRIBE]
    assert record.attempts == 3
    assert record.error is not None
    assert record.error.code == "away"


def test_leaves_a_server_alone_for_as_long_as_it_asks(
    store: MemoryInterviews, interview: Interview
) -> None:
    before = now()
    with pytest.raises(Ignore):
        runner.execute(
            Stage.TRANSCRIBE, interview.id, failing(1, Transient("busy", retry_after=60.0))
        )
    due = store.get(interview.id).next_attempt_at
    assert due is not None
    assert timedelta(seconds=60) <= due - before < timedelta(seconds=90)


def test_what_is_broken_off_is_as_if_it_had_not_begun(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    stopped = failing(1, SystemExit(1))
    with pytest.raises(SystemExit):
        execute(interview.id, stopped)
    left = store.get(interview.id)
    assert (left.stages[Stage.TRANSCRIBE].attempts, left.lease_until) == (0, None)
    execute(interview.id, done)
    assert store.get(interview.id).stages[Stage.TRANSCRIBE].attempts == 1


def test_gives_up_after_the_last_attempt(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    with pytest.raises(Permanent, match="away"):
        execute(interview.id, failing(9, Transient("away", code="away")))
    found = store.get(interview.id)
    assert found.status is Status.FAILED
    assert found.stages[Stage.TRANSCRIBE].attempts == 3
    assert store.pending_events(9)[-1].facts == {
        "type": "screening",
        "stage": "transcribe",
        "error": "away",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Permanent("no", code="no"), "no"),
        (SoftTimeLimitExceeded(), "time_limit"),
        (RuntimeError("quotes the transcript"), "internal_error"),
    ],
)
def test_fails_at_once_when_trying_again_cannot_help(
    execute: Execute,
    store: MemoryInterviews,
    interview: Interview,
    error: Exception,
    code: str,
) -> None:
    with pytest.raises(Exception, match=r".*"):
        execute(interview.id, failing(1, error))
    found = store.get(interview.id)
    assert found.status is Status.FAILED
    recorded = found.stages[Stage.TRANSCRIBE].error
    assert recorded is not None
    assert recorded.code == code
    assert "quotes" not in recorded.message
    assert found.stages[Stage.TRANSCRIBE].attempts == 1


def test_gives_up_on_work_that_kills_its_process(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    for attempt in range(3):
        # Attempts that ended without an outcome.
        store.apply(interview.id, begun_long_ago(f"lost-{attempt}"))
    worked = []

    def work(attempt: Attempt) -> StageResult:
        worked.append(attempt)
        return done(attempt)

    with pytest.raises(Permanent, match="3 attempts"):
        execute(interview.id, work)
    assert not worked
    assert store.get(interview.id).status is Status.FAILED


def test_leaves_alone_what_is_cancelled(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    store.apply(interview.id, transitions.cancel(interview, now()))
    with pytest.raises(Ignore):
        execute(interview.id, done)
    assert store.get(interview.id).stages[Stage.TRANSCRIBE].attempts == 0


def test_leaves_alone_what_is_not_there(execute: Execute) -> None:
    with pytest.raises(Ignore):
        execute("no-such-id", done)


def test_stops_at_its_next_step_when_it_is_cancelled(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    steps = []

    def work(attempt: Attempt) -> StageResult:
        attempt.progress(10)
        store.apply(interview.id, transitions.cancel(attempt.interview, now()))
        steps.append(10)
        attempt.progress(20)
        steps.append(20)
        return done(attempt)

    with pytest.raises(Ignore):
        execute(interview.id, work)
    assert steps == [10]
    assert store.get(interview.id).status is Status.CANCELLED


def test_takes_back_what_it_did_when_its_result_is_refused(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    undone = []

    def work(attempt: Attempt) -> StageResult:
        store.apply(interview.id, transitions.cancel(attempt.interview, now()))
        return StageResult(results={}, undo=lambda: undone.append(True))

    with pytest.raises(Ignore):
        execute(interview.id, work)
    assert undone == [True]


def test_the_transcribe_stage_keeps_what_was_heard(
    store: MemoryInterviews, interview: Interview, speech: ScriptedSpeech
) -> None:
    from tasks.pipeline.transcribe import transcribe

    speech.script = lambda progress: progress(50)
    transcribe.apply((interview.id,), throw=True)
    assert store.transcript(interview.id) == speech.heard
    event = store.pending_events(9)[-1]
    assert event.facts == {
        "type": "screening",
        "provider": "scripted",
        "language": None,
        "segments": 0,
        "audio_seconds": 1.0,
    }


def test_a_recording_that_is_gone_fails_the_interview(
    store: MemoryInterviews, audio: MemoryAudio, interview: Interview
) -> None:
    from tasks.pipeline.transcribe import transcribe

    audio.delete(interview.id)
    with pytest.raises(Permanent, match="no recording"):
        transcribe.apply((interview.id,), throw=True)
    found = store.get(interview.id)
    assert found.status is Status.FAILED
    error = found.stages[Stage.TRANSCRIBE].error
    assert error is not None
    assert error.code == "audio_missing"


@pytest.fixture
def announced() -> Iterator[list[object]]:
    facts: list[object] = []
    with (
        signals.attempt_ended.connected(facts.append),
        signals.attempt_lost.connected(facts.append),
        signals.interview_ended.connected(facts.append),
    ):
        yield facts


def summaries(facts: list[object]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for fact in facts:
        match fact:
            case signals.AttemptEnded(stage=ended, outcome=outcome, reason=reason):
                found.append((ended, outcome, reason))
            case signals.AttemptLost(stage=lost):
                found.append((lost, "lost"))
            case signals.InterviewEnded(status=status, type=kind):
                found.append((status, kind))
    return found


def test_announces_every_attempt(
    execute: Execute, interview: Interview, announced: list[object]
) -> None:
    execute(interview.id, failing(1, Transient("away", code="away")))
    assert summaries(announced) == [
        (Stage.TRANSCRIBE, AttemptOutcome.RETRY, "away"),
        (Stage.TRANSCRIBE, AttemptOutcome.SUCCESS, None),
    ]


def test_announces_attempts_of_which_nothing_was_heard_again(
    execute: Execute, store: MemoryInterviews, interview: Interview, announced: list[object]
) -> None:
    store.apply(interview.id, begun_long_ago("lost"))
    execute(interview.id, failing(1, Transient("away", code="away")))
    assert summaries(announced) == [
        (Stage.TRANSCRIBE, "lost"),
        (Stage.TRANSCRIBE, AttemptOutcome.RETRY, "away"),
        (Stage.TRANSCRIBE, AttemptOutcome.SUCCESS, None),
    ]


def test_announces_the_end_of_an_interview_that_fails(
    execute: Execute, interview: Interview, announced: list[object]
) -> None:
    with pytest.raises(Permanent):
        execute(interview.id, failing(1, Permanent("no", code="no")))
    assert summaries(announced) == [
        (Status.FAILED, "screening"),
        (Stage.TRANSCRIBE, AttemptOutcome.FAILED, None),
    ]


def test_announces_work_that_is_not_wanted(
    execute: Execute, store: MemoryInterviews, interview: Interview, announced: list[object]
) -> None:
    store.apply(interview.id, transitions.cancel(interview, now()))
    with pytest.raises(Ignore):
        execute(interview.id, done)
    assert summaries(announced) == [(Stage.TRANSCRIBE, AttemptOutcome.UNWANTED, None)]


def test_a_listener_that_breaks_harms_nothing(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("broken")

    with signals.attempt_ended.connected(broken):
        execute(interview.id, done)
    assert store.get(interview.id).status is Status.ANALYSING


def test_a_stage_that_is_held_is_left_alone(
    execute: Execute, store: MemoryInterviews, interview: Interview
) -> None:
    store.apply(interview.id, transitions.begin(Stage.TRANSCRIBE, "other", now()))
    with pytest.raises(Ignore):
        execute(interview.id, done)
    assert store.get(interview.id).stages[Stage.TRANSCRIBE].attempts == 1


def test_a_lease_is_kept_as_long_as_the_work_takes(
    provided: Services, store: MemoryInterviews, interview: Interview
) -> None:
    lease = timedelta(seconds=1.5)
    services.provide(replace(provided, lease=lease))
    untils = set()

    def work(attempt: Attempt) -> StageResult:
        def renewed() -> bool:
            untils.add(store.get(attempt.interview.id).lease_until)
            return len(untils) >= 3

        wait_until(renewed, 20)
        return done(attempt)

    runner.execute(Stage.TRANSCRIBE, interview.id, work)
    found = store.get(interview.id)
    assert found.status is Status.ANALYSING
    assert found.lease_until is None


def test_a_result_is_written_though_the_store_was_away(
    store: MemoryInterviews, interview: Interview, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, failures = store.apply, [True, True]

    def flaky(interview_id: str, change: transitions.Change) -> None:
        if "stages.transcribe.finished_at" in change.values and failures:
            failures.pop()
            raise Transient("the store is away")
        apply(interview_id, change)

    monkeypatch.setattr(store, "apply", flaky)
    runner.execute(Stage.TRANSCRIBE, interview.id, done)
    assert not failures
    assert store.get(interview.id).status is Status.ANALYSING
