"""The contract of `InterviewStore`, for the fake, MongoDB and the embedded database."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.analysis.feedback import Feedback
from tasks.analysis.report import Report, ReviewState
from tasks.analysis.review import Decision, apply_review
from tasks.clock import now
from tasks.errors import (
    AlreadyExists,
    Erased,
    IllegalTransition,
    NotFound,
    Permanent,
    Superseded,
    Transient,
)
from tasks.interviews import transitions
from tasks.interviews.events import EventType
from tasks.interviews.interview import AnalysisType, Interview, Priority, Stage, Status
from tasks.interviews.transcript import Segment, Speaker, Transcript
from tasks.ports import InterviewStore, Query, StageLoad
from tests.contract_servers.kinds import kind_named
from tests.fakes.interviews import MemoryInterviews
from tests.samples import a_report, an_interview
from worker.adapters.mongo import MongoInterviews, PortableInterviews
from worker.local.embedded.mongodb import MongoDB

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)

TRANSCRIPT = Transcript(
    language="en",
    duration=2.0,
    provider="whisper",
    model="tiny.en",
    segments=(
        Segment(id=0, start=0.0, end=1.5, speaker=Speaker.CANDIDATE, text="Hello.", confidence=0.9),
    ),
)


@pytest.fixture(params=["memory", "mongodb", "embedded"])
def store(request: pytest.FixtureRequest) -> InterviewStore:
    if request.param == "memory":
        return MemoryInterviews()
    # The queries for MongoDB give the same results on the embedded database, only slower.
    kind = MongoInterviews if request.param == "mongodb" else PortableInterviews
    mongodb = kind(request.getfixturevalue("database"))
    mongodb.prepare()
    mongodb.prepare()
    return mongodb


@pytest.fixture
def interview(store: InterviewStore) -> Interview:
    interview = an_interview()
    store.create(interview, transitions.created(interview))
    return interview


def begin(store: InterviewStore, interview: Interview, stage: Stage, run: str = "run") -> Interview:
    store.apply(interview.id, transitions.begin(stage, run, now()))
    return store.get(interview.id)


def finish(
    store: InterviewStore, interview: Interview, stage: Stage, run: str = "run", **results: Any
) -> Interview:
    done = transitions.finish(
        interview,
        stage,
        run,
        now(),
        provider="whisper",
        results=results,
        event_data={"segments": 1},
    )
    store.apply(interview.id, done)
    return store.get(interview.id)


def fail(store: InterviewStore, interview: Interview, stage: Stage) -> Interview:
    failed = transitions.fail(interview, stage, "run", Permanent("broken", code="broken"), now())
    store.apply(interview.id, failed)
    return store.get(interview.id)


def complete(store: InterviewStore, interview: Interview) -> Interview:
    for stage in Stage:
        interview = finish(store, begin(store, interview, stage), stage)
    return interview


def test_reads_back_what_was_created(store: InterviewStore, interview: Interview) -> None:
    assert store.get(interview.id) == interview
    assert store.transcript(interview.id) is None
    assert store.report(interview.id) is None


def test_refuses_an_id_that_is_taken(store: InterviewStore, interview: Interview) -> None:
    with pytest.raises(AlreadyExists):
        store.create(interview)


@pytest.mark.parametrize("read", ["get", "transcript", "report"])
def test_does_not_find_what_is_not_there(store: InterviewStore, read: str) -> None:
    with pytest.raises(NotFound):
        getattr(store, read)("no-such-id")


def test_moves_through_all_stages(store: InterviewStore, interview: Interview) -> None:
    seen = [interview.status]
    for stage in Stage:
        interview = begin(store, interview, stage)
        seen.append(interview.status)
        interview = finish(store, interview, stage)
    assert seen == [Status.QUEUED, Status.TRANSCRIBING, Status.ANALYSING, Status.SCHEDULING]
    assert interview.status is Status.COMPLETED
    assert interview.finished_at is not None
    for record in interview.stages.values():
        assert record.attempts == 1
        assert record.progress == 100
        assert record.started_at is not None
        assert record.finished_at is not None


def test_keeps_the_transcript_apart(store: InterviewStore, interview: Interview) -> None:
    running = begin(store, interview, Stage.TRANSCRIBE)
    finish(store, running, Stage.TRANSCRIBE, transcript=TRANSCRIPT)
    assert store.transcript(interview.id) == TRANSCRIPT


@pytest.mark.parametrize("stage", [Stage.ANALYSE, Stage.SCHEDULE])
def test_refuses_to_skip_a_stage(store: InterviewStore, interview: Interview, stage: Stage) -> None:
    with pytest.raises(IllegalTransition, match="queued"):
        begin(store, interview, stage)
    assert store.get(interview.id) == interview


def test_a_later_run_takes_over(store: InterviewStore, interview: Interview) -> None:
    store.apply(
        interview.id, transitions.begin(Stage.TRANSCRIBE, "first", now(), lease=timedelta(0))
    )
    first = store.get(interview.id)
    second = begin(store, interview, Stage.TRANSCRIBE, "second")
    assert second.stages[Stage.TRANSCRIBE].attempts == 2
    with pytest.raises(Superseded):
        store.apply(interview.id, transitions.report_progress(Stage.TRANSCRIBE, "first", 50, now()))
    with pytest.raises(Superseded):
        finish(store, first, Stage.TRANSCRIBE, "first", transcript=TRANSCRIPT)
    assert store.transcript(interview.id) is None
    assert finish(store, second, Stage.TRANSCRIBE, "second").status is Status.ANALYSING


def test_records_progress(store: InterviewStore, interview: Interview) -> None:
    begin(store, interview, Stage.TRANSCRIBE)
    store.apply(interview.id, transitions.report_progress(Stage.TRANSCRIBE, "run", 42.5, now()))
    assert store.get(interview.id).stages[Stage.TRANSCRIBE].progress == 42.5


def test_records_a_stumble_and_stays(store: InterviewStore, interview: Interview) -> None:
    begin(store, interview, Stage.TRANSCRIBE)
    error = Transient("away", code="away")
    store.apply(
        interview.id, transitions.schedule_retry(interview, Stage.TRANSCRIBE, "run", error, now())
    )
    found = store.get(interview.id)
    assert found.status is Status.TRANSCRIBING
    recorded = found.stages[Stage.TRANSCRIBE].error
    assert recorded is not None
    assert (recorded.code, recorded.transient) == ("away", True)


def test_a_failed_interview_goes_on_from_its_stage(
    store: InterviewStore, interview: Interview
) -> None:
    analysing = finish(store, begin(store, interview, Stage.TRANSCRIBE), Stage.TRANSCRIBE)
    failed = fail(store, begin(store, analysing, Stage.ANALYSE), Stage.ANALYSE)
    assert failed.status is Status.FAILED
    assert failed.failed_stage is Stage.ANALYSE
    assert failed.finished_at is not None
    store.apply(interview.id, transitions.retry(failed, now()))
    resumed = store.get(interview.id)
    assert resumed.status is Status.ANALYSING
    assert resumed.rounds == 2
    assert resumed.finished_at is None
    assert resumed.stages[Stage.ANALYSE].attempts == 0
    assert resumed.stages[Stage.TRANSCRIBE].attempts == 1


def test_is_retried_once_however_often_it_is_asked(
    store: InterviewStore, interview: Interview
) -> None:
    failed = fail(store, begin(store, interview, Stage.TRANSCRIBE), Stage.TRANSCRIBE)
    again = transitions.retry(failed, now())
    store.apply(interview.id, again)
    with pytest.raises(IllegalTransition):
        store.apply(interview.id, again)
    assert store.get(interview.id).rounds == 2


def test_cancelling_stops_the_run(store: InterviewStore, interview: Interview) -> None:
    running = begin(store, interview, Stage.TRANSCRIBE)
    store.apply(interview.id, transitions.cancel(running, now()))
    with pytest.raises(IllegalTransition):
        finish(store, running, Stage.TRANSCRIBE, transcript=TRANSCRIPT)
    with pytest.raises(IllegalTransition):
        store.apply(interview.id, transitions.cancel(running, now()))
    assert store.get(interview.id).status is Status.CANCELLED
    assert store.transcript(interview.id) is None


def test_what_is_final_stays(store: InterviewStore, interview: Interview) -> None:
    completed = complete(store, interview)
    for change in (
        transitions.begin(Stage.SCHEDULE, "late", now()),
        transitions.cancel(completed, now()),
        transitions.fail(completed, Stage.SCHEDULE, "run", Permanent("late"), now()),
    ):
        with pytest.raises(IllegalTransition):
            store.apply(interview.id, change)
    assert store.get(interview.id) == completed


def test_only_one_of_many_moves_it(store: InterviewStore, interview: Interview) -> None:
    running = begin(store, interview, Stage.TRANSCRIBE)
    done: list[str] = []

    def attempt(name: str, act: Callable[[], object]) -> None:
        try:
            act()
        except (IllegalTransition, Superseded):
            return
        done.append(name)

    def deliver() -> None:
        finish(store, running, Stage.TRANSCRIBE, transcript=TRANSCRIPT)

    def fail_it() -> None:
        fail(store, running, Stage.TRANSCRIBE)

    threads = [
        threading.Thread(target=attempt, args=(act.__name__, act)) for act in (deliver, fail_it) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    expected = Status.ANALYSING if done == ["deliver"] else Status.FAILED
    assert store.get(interview.id).status is expected


def test_events_wait_until_they_are_published(store: InterviewStore, interview: Interview) -> None:
    complete(store, interview)
    events = store.pending_events(10)
    assert [event.type for event in events] == [
        EventType.CREATED,
        EventType.TRANSCRIBED,
        EventType.ANALYSED,
        EventType.SCHEDULED,
        EventType.COMPLETED,
    ]
    assert len({event.id for event in events}) == 5
    assert all(event.interview_id == interview.id for event in events)
    assert events[1].facts == {"type": "screening", "segments": 1}
    store.mark_published(events[:3])
    assert list(store.pending_events(10)) == list(events[3:])
    store.mark_published(events)
    assert not store.pending_events(10)
    store.mark_published([])


def test_a_refused_change_announces_nothing(store: InterviewStore, interview: Interview) -> None:
    before = list(store.pending_events(10))
    running = begin(store, interview, Stage.TRANSCRIBE)
    with pytest.raises(Superseded):
        finish(store, running, Stage.TRANSCRIBE, "other")
    assert list(store.pending_events(10)) == before


def analysed(store: InterviewStore) -> Report:
    interview = an_interview()
    store.create(interview, transitions.created(interview))
    transcribed = finish(store, begin(store, interview, Stage.TRANSCRIBE), Stage.TRANSCRIBE)
    running = begin(store, transcribed, Stage.ANALYSE)
    finish(store, running, Stage.ANALYSE, report=a_report(interview))
    report = store.report(interview.id)
    assert report is not None
    return report


def judge(store: InterviewStore, report: Report, **given: Any) -> Feedback:
    defaults = {"type": AnalysisType.OVERALL, "agrees": True, "by": "Ines", "at": EPOCH}
    feedback = Feedback(**{**defaults, **given})
    store.apply(report.interview_id, transitions.feedback_given(report, feedback))
    return feedback


def test_counts_the_feedback(store: InterviewStore) -> None:
    assert store.agreement() == {}
    first, second = analysed(store), analysed(store)
    judge(store, first)
    judge(store, first, by="Robin $1.50", agrees=False)
    judge(store, first, type=AnalysisType.SENTIMENT, agrees=False)
    judge(store, second)
    assert store.agreement() == {AnalysisType.OVERALL: (2, 3), AnalysisType.SENTIMENT: (0, 1)}


def test_keeps_the_last_word_of_everybody(store: InterviewStore) -> None:
    report = analysed(store)
    judge(store, report, at=EPOCH)
    robin = judge(store, report, by="Robin", at=EPOCH + timedelta(seconds=1))
    ines = judge(store, report, agrees=False, comment="No.", at=EPOCH + timedelta(seconds=2))
    assert store.feedback(report.interview_id) == [robin, ines]
    assert store.agreement() == {AnalysisType.OVERALL: (1, 2)}


def test_feedback_stays_apart_from_the_report_and_its_review(store: InterviewStore) -> None:
    report = analysed(store)
    interview = store.get(report.interview_id)
    given = judge(store, report)
    assert store.report(report.interview_id) == report
    assert store.get(report.interview_id) == interview
    confirmed = apply_review(
        report, Decision(state=ReviewState.CONFIRMED), by="Robin", at=EPOCH, reason=""
    )
    store.apply(report.interview_id, transitions.reviewed(report, confirmed, now()))
    assert store.feedback(report.interview_id) == [given]


def test_everybody_can_give_feedback_at_once(store: InterviewStore) -> None:
    report = analysed(store)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: judge(store, report, by=f"Reviewer {number}"), range(40)))
    assert store.agreement() == {AnalysisType.OVERALL: (40, 40)}


def test_refuses_feedback_on_an_analysis_that_is_not_there(
    store: InterviewStore, interview: Interview
) -> None:
    other = a_report(interview)
    with pytest.raises(Superseded):
        judge(store, other)
    with pytest.raises(NotFound):
        store.feedback("no-such-id")
    assert store.feedback(interview.id) == []


def test_feedback_is_erased_with_its_interview(store: InterviewStore) -> None:
    report = analysed(store)
    judge(store, report)
    store.apply(report.interview_id, transitions.cancel(store.get(report.interview_id), now()))
    store.erase(report.interview_id, now())
    assert store.agreement() == {}
    with pytest.raises(Erased):
        store.feedback(report.interview_id)
    with pytest.raises(Erased):
        judge(store, report)


def test_erasing_leaves_a_tombstone(store: InterviewStore, interview: Interview) -> None:
    complete(store, interview)
    store.erase(interview.id, now())
    store.erase(interview.id, now())
    for read in (store.get, store.transcript, store.report):
        with pytest.raises(Erased):
            read(interview.id)
    with pytest.raises(Erased):
        store.apply(interview.id, transitions.cancel(interview, now()))
    with pytest.raises(AlreadyExists):
        store.create(interview)
    assert store.find(Query()) == []
    last = store.pending_events(10)[-1]
    assert last.type is EventType.ERASED
    assert [e.type for e in store.pending_events(10)].count(EventType.ERASED) == 1


def test_does_not_erase_what_is_worked_on(store: InterviewStore, interview: Interview) -> None:
    with pytest.raises(IllegalTransition):
        store.erase(interview.id, now())
    with pytest.raises(NotFound):
        store.erase("no-such-id", now())


def test_lists_newest_first_a_page_at_a_time(store: InterviewStore) -> None:
    start = now()
    made = []
    for number in range(7):
        # Pairs have the same creation time, so that the order depends on the id.
        moment = start + timedelta(seconds=number // 2)
        made.append(an_interview(created_at=moment, type=("screening", "technical")[number % 2]))
        store.create(made[-1])
    expected = sorted(made, key=lambda one: (one.created_at, one.id), reverse=True)
    listed: list[Interview] = []
    after = None
    while page := store.find(Query(limit=3, after=after)):
        listed += page
        after = (page[-1].created_at, page[-1].id)
    assert listed == expected


def test_filters_what_it_lists(store: InterviewStore) -> None:
    start = now()
    early = an_interview(created_at=start, type="screening")
    late = an_interview(created_at=start + timedelta(minutes=1), type="technical")
    for one in (early, late):
        store.create(one)
    store.apply(late.id, transitions.cancel(late, now()))

    def found(query: Query) -> list[str]:
        return [one.id for one in store.find(query)]

    assert found(Query(types=frozenset({"screening"}))) == [early.id]
    assert found(Query(statuses=frozenset({Status.CANCELLED}))) == [late.id]
    assert found(Query(statuses=frozenset({Status.CANCELLED, Status.QUEUED}))) == [
        late.id,
        early.id,
    ]
    assert found(Query(types=frozenset({"screening", "technical"}), limit=1)) == [late.id]
    both = frozenset({Status.CANCELLED, Status.QUEUED})
    assert found(Query(statuses=both, types=frozenset({"screening"}), limit=1)) == [early.id]
    assert found(Query(statuses=both, types=frozenset({"behavioural"}))) == []
    assert found(Query(created_before=late.created_at)) == [early.id]
    if type(store) is MongoInterviews and isinstance(kind_named("mongodb"), MongoDB):
        pytest.skip("`$gte` is wrong on descending indexes of the embedded database")
    assert found(Query(created_from=late.created_at)) == [late.id]


def test_a_lease_keeps_others_out_until_it_lapses(
    store: InterviewStore, interview: Interview
) -> None:
    begin(store, interview, Stage.TRANSCRIBE, "first")
    with pytest.raises(Superseded):
        begin(store, interview, Stage.TRANSCRIBE, "second")
    later = now() + transitions.LEASE + timedelta(seconds=1)
    assert not store.find_due(now(), 9)
    assert [one.id for one in store.find_due(later, 9)] == [interview.id]
    store.apply(interview.id, transitions.renew(Stage.TRANSCRIBE, "first", later))
    assert not store.find_due(later, 9)
    with pytest.raises(Superseded):
        store.apply(interview.id, transitions.renew(Stage.TRANSCRIBE, "second", later))
    much_later = later + transitions.LEASE + timedelta(seconds=1)
    store.apply(interview.id, transitions.begin(Stage.TRANSCRIBE, "second", much_later))
    with pytest.raises(Superseded):
        store.apply(interview.id, transitions.renew(Stage.TRANSCRIBE, "first", much_later))


def test_finds_attempts_that_are_due(store: InterviewStore, interview: Interview) -> None:
    running = begin(store, interview, Stage.TRANSCRIBE)
    delay = timedelta(minutes=5)
    error = Transient("away", code="away")
    stumbled = transitions.schedule_retry(running, Stage.TRANSCRIBE, "run", error, now(), delay)
    store.apply(interview.id, stumbled)
    assert not store.find_due(now(), 9)
    (due,) = store.find_due(now() + delay, 9)
    assert due.id == interview.id
    store.apply(due.id, transitions.dispatched(due, now()))
    assert not store.find_due(now() + delay, 9)
    # Of two concurrent reconcilers, one publishes the message.
    with pytest.raises(Superseded):
        store.apply(due.id, transitions.dispatched(due, now()))


def test_finds_those_whose_message_is_old(store: InterviewStore) -> None:
    sent = now()
    for name, priority in (("one", Priority.NORMAL), ("two", Priority.HIGH)):
        made = an_interview(id=name, priority=priority, message_at=sent)
        store.create(made, transitions.created(made))
    later = sent + timedelta(minutes=1)

    def unheard(stage: Stage, priority: Priority, before: datetime) -> list[str]:
        return [one.id for one in store.find_lost_messages(stage, priority, before, 9)]

    assert unheard(Stage.TRANSCRIBE, Priority.NORMAL, later) == ["one"]
    assert unheard(Stage.TRANSCRIBE, Priority.HIGH, later) == ["two"]
    assert not unheard(Stage.TRANSCRIBE, Priority.LOW, later)
    assert not unheard(Stage.ANALYSE, Priority.NORMAL, later)
    assert not unheard(Stage.TRANSCRIBE, Priority.NORMAL, sent)
    store.apply("one", transitions.begin(Stage.TRANSCRIBE, "run", now()))
    assert not unheard(Stage.TRANSCRIBE, Priority.NORMAL, later)


def test_counts_the_interviews_in_each_stage(store: InterviewStore) -> None:
    nothing = dict.fromkeys(Stage, StageLoad(0))
    assert store.load() == nothing
    sent = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for number, priority in enumerate((Priority.NORMAL, Priority.LOW, Priority.HIGH)):
        at = sent + timedelta(minutes=number)
        made = an_interview(id=str(number), priority=priority, message_at=at, tenant="acme")
        store.create(made, transitions.created(made))
    assert store.load() == {**nothing, Stage.TRANSCRIBE: StageLoad(3, sent)}
    # A running one counts, but does not wait.
    running = begin(store, store.get("0"), Stage.TRANSCRIBE)
    assert store.load()[Stage.TRANSCRIBE] == StageLoad(3, sent + timedelta(minutes=1))
    finish(store, running, Stage.TRANSCRIBE)
    found = store.load()
    assert found[Stage.TRANSCRIBE] == StageLoad(2, sent + timedelta(minutes=1))
    assert found[Stage.ANALYSE] == StageLoad(1, store.get("0").message_at)
    for one in ("1", "2"):
        store.apply(one, transitions.cancel(store.get(one), now()))
    assert store.load()[Stage.TRANSCRIBE] == StageLoad(0)


def test_lists_the_interviews_of_one_tenant(store: InterviewStore) -> None:
    ours, theirs = an_interview(), an_interview(tenant="acme")
    for one in (ours, theirs):
        store.create(one)
    assert store.find(Query()) == [ours]
    assert store.find(Query(tenant="acme")) == [theirs]
    assert store.find(Query(tenant="other")) == []


def test_tells_whose_an_interview_is_and_was(store: InterviewStore) -> None:
    interview = an_interview(tenant="acme")
    store.create(interview)
    assert store.tenant_of(interview.id) == store.get(interview.id).tenant == "acme"
    complete(store, interview)
    store.erase(interview.id, now())
    assert store.tenant_of(interview.id) == "acme"
    with pytest.raises(NotFound):
        store.tenant_of("no-such-id")


def over_since(store: InterviewStore, finished_at: datetime, **particulars: Any) -> str:
    interview = an_interview(created_at=EPOCH, **particulars)
    store.create(interview)
    store.apply(interview.id, transitions.cancel(interview, finished_at))
    return interview.id


def test_finds_what_has_long_been_over(store: InterviewStore, interview: Interview) -> None:
    day = timedelta(days=1)
    limit = EPOCH + 10 * day
    early = over_since(store, limit - 2 * day)
    over_since(store, limit)
    over_since(store, limit + day)
    theirs = over_since(store, limit - day, tenant="acme")
    failed = an_interview(created_at=EPOCH)
    store.create(failed)
    running = begin(store, failed, Stage.TRANSCRIBE)
    error = Permanent("broken", code="broken")
    store.apply(failed.id, transitions.fail(running, Stage.TRANSCRIBE, "run", error, limit - day))
    tenant = interview.tenant
    assert set(store.finished_before(tenant, limit, 9)) == {early, failed.id}
    assert len(store.finished_before(tenant, limit, 1)) == 1
    assert list(store.finished_before("acme", limit, 9)) == [theirs]
    # A retried interview is no longer finished; an erased one is not listed either.
    store.apply(failed.id, transitions.retry(store.get(failed.id), now()))
    store.erase(early, now())
    assert list(store.finished_before(tenant, limit, 9)) == []


def test_tells_which_interviews_are_kept(store: InterviewStore, interview: Interview) -> None:
    erased = over_since(store, now())
    store.erase(erased, now())
    assert store.existing_ids([interview.id, erased, "no-such-id"]) == {interview.id}
    assert store.existing_ids([]) == frozenset()


def test_what_is_being_erased_is_not_sent_on_its_way_again(
    store: InterviewStore, interview: Interview
) -> None:
    failed = fail(store, begin(store, interview, Stage.TRANSCRIBE), Stage.TRANSCRIBE)
    store.apply(failed.id, transitions.begin_erasure(failed, now()))
    with pytest.raises(Superseded):
        store.apply(failed.id, transitions.retry(store.get(failed.id), now()))
    # A second call continues after an interrupted one.
    store.apply(failed.id, transitions.begin_erasure(store.get(failed.id), now()))


def test_what_was_sent_on_its_way_again_is_not_being_erased(
    store: InterviewStore, interview: Interview
) -> None:
    failed = fail(store, begin(store, interview, Stage.TRANSCRIBE), Stage.TRANSCRIBE)
    store.apply(failed.id, transitions.retry(failed, now()))
    with pytest.raises(IllegalTransition):
        store.apply(failed.id, transitions.begin_erasure(failed, now()))
