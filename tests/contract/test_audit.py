"""The contract of `AuditTrail`, in memory and in MongoDB."""

from itertools import pairwise
from uuid import uuid4

import pytest

from tasks.clock import now
from tasks.errors import Permanent, Transient
from tests.fakes.audit import MemoryAudit
from worker.adapters.mongo import MongoAudit
from worker.ports import Action, Actor, AuditTrail, Entry, Scope, TrailQuery
from worker.security.api_keys import ANYONE, Caller
from worker.security.audit import actor_of, record

ROBIN = Actor(who="3f9c00000000", tenant="acme")


@pytest.fixture(params=["memory", "mongodb"])
def trail(request: pytest.FixtureRequest) -> AuditTrail:
    if request.param == "memory":
        return MemoryAudit()
    mongodb = MongoAudit(request.getfixturevalue("database"))
    mongodb.prepare()
    mongodb.prepare()
    return mongodb


def test_keeps_who_did_what_and_when(trail: AuditTrail) -> None:
    interview_id, before = str(uuid4()), now()
    record(trail, ROBIN, Action.TRANSCRIPT_READ, interview_id, "srt")
    (entry,) = trail.find(TrailQuery("acme"))
    assert before <= entry.at <= now()
    assert entry.model_dump(exclude={"id", "at"}) == {
        "who": ROBIN.who,
        "tenant": "acme",
        "action": Action.TRANSCRIPT_READ,
        "interview_id": interview_id,
        "detail": "srt",
    }


def test_lists_newest_first_a_page_at_a_time(trail: AuditTrail) -> None:
    for number in range(7):
        record(trail, ROBIN, Action.REVIEW, detail=str(number))
    listed: list[Entry] = []
    after = None
    while page := trail.find(TrailQuery("acme", after=after, limit=3)):
        listed += page
        after = page[-1].id
    assert len(listed) == 7
    assert all(one.id > other.id and one.at >= other.at for one, other in pairwise(listed))


def test_finds_what_was_done_to_one_interview(trail: AuditTrail) -> None:
    one, other = str(uuid4()), str(uuid4())
    for action in (Action.ANALYSIS_READ, Action.ERASE):
        record(trail, ROBIN, action, one)
        record(trail, ROBIN, action, other)
    found = trail.find(TrailQuery("acme", interview_id=one))
    assert {entry.action for entry in found} == {Action.ANALYSIS_READ, Action.ERASE}
    assert {entry.interview_id for entry in found} == {one}
    assert len(trail.find(TrailQuery("acme", interview_id=one, after=found[0].id))) == 1


def test_a_tenant_sees_only_its_own(trail: AuditTrail) -> None:
    interview_id = str(uuid4())
    record(trail, ROBIN, Action.ERASE, interview_id)
    assert trail.find(TrailQuery("other")) == []
    assert trail.find(TrailQuery("other", interview_id=interview_id)) == []


def test_there_is_no_way_to_change_or_remove_an_entry() -> None:
    for trail in (AuditTrail, MongoAudit):
        methods = {name for name in vars(trail) if not name.startswith("_")}
        assert methods <= {"prepare", "append", "find"}


@pytest.mark.parametrize("error", [Transient("away"), Permanent("not allowed")])
def test_what_cannot_be_recorded_is_refused(error: Exception) -> None:
    class Away(MemoryAudit):
        def append(self, _: Entry) -> None:
            raise error

    with pytest.raises(Transient, match="cannot be recorded") as refused:
        record(Away(), ROBIN, Action.REVIEW)
    assert refused.value.code == "audit_unavailable"
    assert refused.value.__cause__ is error


def test_a_caller_is_known_by_the_id_of_the_key() -> None:
    caller = Caller(key="3f9c00000000", tenant="acme", scopes=frozenset({Scope.READ}))
    assert actor_of(caller) == ROBIN
    assert actor_of(ANYONE) == Actor(who="open access", tenant="default")
