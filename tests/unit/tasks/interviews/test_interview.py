"""The state machine and its transitions."""

import itertools
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from tasks.clock import now
from tasks.errors import IllegalTransition, InvalidInput, Transient
from tasks.interviews import transitions
from tasks.interviews.events import Event, EventType, cloud_event
from tasks.interviews.interview import ACTIVE, FINAL, TRANSITIONS, Channels, Stage, Status
from tasks.interviews.people import FollowUp, Interval, Person, WorkingHours
from tasks.interviews.transcript import Speaker
from tasks.interviews.transitions import Change
from tests.samples import an_interview

ALLOWED = {
    ("queued", "transcribing"),
    ("transcribing", "analysing"),
    ("analysing", "scheduling"),
    ("scheduling", "completed"),
    *((status, end) for status in ACTIVE for end in ("failed", "cancelled")),
    ("failed", "queued"),
    ("failed", "analysing"),
    ("failed", "scheduling"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(Status, 2)))
def test_a_change_outside_the_state_machine_cannot_be_expressed(
    before: Status, after: Status
) -> None:
    def change() -> Change:
        return Change(name="move", when=frozenset({before}), to=after)

    if (before, after) in ALLOWED:
        assert change().to is after
        assert after in TRANSITIONS[before]
    else:
        with pytest.raises(IllegalTransition):
            change()


def test_final_statuses_are_left_by_a_retry_only() -> None:
    assert {s for s in FINAL if TRANSITIONS[s]} == {Status.FAILED}


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.FAILED}))
def test_only_a_failed_interview_is_retried(status: Status) -> None:
    with pytest.raises(IllegalTransition, match=status):
        transitions.retry(an_interview(status=status), now())


def test_event_ids_are_the_same_each_time_and_differ_by_round() -> None:
    interview = an_interview()
    first = transitions.cancel(interview, now()).events[0]
    again = transitions.cancel(interview, now() + timedelta(seconds=1)).events[0]
    later = transitions.cancel(interview.model_copy(update={"rounds": 2}), now()).events[0]
    assert first.id == again.id == f"{interview.id}:cancelled:1"
    assert later.id == f"{interview.id}:cancelled:2"


def test_cloud_event_has_what_the_specification_requires() -> None:
    event = Event(
        id="i:completed:1",
        type=EventType.COMPLETED,
        interview_id="i",
        at=datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        facts={"type": "screening"},
    )
    assert cloud_event(event) == {
        "specversion": "1.0",
        "id": "i:completed:1",
        "source": "/interview-worker",
        "type": "interview.completed",
        "subject": "i",
        "time": "2026-01-02T03:04:05.678000Z",
        "datacontenttype": "application/json",
        "data": {"interview_id": "i", "type": "screening"},
    }


def test_channels_name_two_speakers() -> None:
    with pytest.raises(ValidationError, match="different speakers"):
        Channels(left=Speaker.CANDIDATE, right=Speaker.CANDIDATE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", ""),
        ("email", "nobody"),
        ("email", "a@b@c"),
        ("email", "a b@c.example"),
        ("email", "a\n@c.example"),
        ("name", ""),
        ("name", "x" * 201),
    ],
)
def test_a_person_is_refused(field: str, value: str) -> None:
    particulars = {"name": "A", "email": "a@b.example", field: value}
    with pytest.raises(ValidationError) as caught:
        Person.model_validate(particulars)
    assert caught.value.errors()[0]["loc"] == (field,)


def test_working_hours_end_after_they_start() -> None:
    with pytest.raises(ValidationError):
        WorkingHours.model_validate({"start": "17:00", "end": "09:00"})


def test_the_window_obeys_notice_and_wishes() -> None:
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)
    plain = FollowUp(notice_hours=24, window_days=7)
    assert plain.window(moment) == Interval(
        start=moment + timedelta(days=1), end=moment + timedelta(days=7)
    )
    narrowed = FollowUp(earliest=moment + timedelta(days=2), latest=moment + timedelta(days=3))
    assert narrowed.window(moment) == Interval(
        start=moment + timedelta(days=2), end=moment + timedelta(days=3)
    )
    assert FollowUp(latest=moment + timedelta(hours=1)).window(moment) is None


def test_errors_survive_pickling_with_their_fields() -> None:
    # Celery passes exceptions between processes this way.
    for error in (InvalidInput("no", pointer="/x", code="odd"), Transient("later", code="busy")):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(copy) is type(error)
        assert vars(copy) == vars(error)
        assert str(copy) == str(error)


def test_stages_follow_each_other() -> None:
    for stage, following in itertools.pairwise(Stage):
        assert stage.next_status is following.status
    assert Stage.SCHEDULE.next_status is Status.COMPLETED
