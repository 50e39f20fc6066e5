"""Human review of reports."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.analysis.build import analyse
from tasks.analysis.report import Report, ReviewState
from tasks.analysis.review import Decision, apply_review
from tasks.analysis.rubric import rubric_for
from tasks.errors import InvalidInput
from tasks.interviews.interview import AnalysisType
from tests.fakes.language import FakeLanguage
from tests.samples import AUDIO, an_interview
from tests.talk import talk

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TALK = talk(("i", "What did you do?"), ("c", "I led the response to it. " * 20))


def made(*types: AnalysisType) -> Report:
    interview = an_interview(audio=AUDIO.model_copy(update={"duration": TALK.duration}))
    rubric = rubric_for("technical")
    return analyse(interview, TALK, rubric, FakeLanguage(), types or tuple(AnalysisType), NOW)


def reviewed(report: Report, state: str, reason: str = "I was there.", **given: Any) -> Report:
    decision = Decision.model_validate({"state": state, **given})
    return apply_review(report, decision, by="ines", at=NOW, reason=reason)


def test_is_pending_at_first() -> None:
    assert made().review.state is ReviewState.PENDING


def test_confirms() -> None:
    report = made()
    after = reviewed(report, "confirmed", reason="")
    assert (after.review.state, after.review.by, after.review.at) == ("confirmed", "ines", NOW)
    assert (after.review.reason, after.review.original) == (None, None)
    assert after.model_copy(update={"review": report.review}) == report


def test_overrides_a_score_and_what_follows_from_it() -> None:
    report = made()
    after = reviewed(report, "overridden", scores={"system_design": 1, "learning": None})
    assert after.competencies is not None
    assert [one.score for one in after.competencies] == [1, 4, 4, None]
    assert after.overall is not None
    assert after.overall.score == 2.8  # (0.35 * 1 + 0.25 * 4 + 0.25 * 4) / 0.85
    assert "mixed evidence" in after.overall.recommendation
    assert after.review.original is not None
    assert after.review.original.competencies == report.competencies
    assert after.review.original.overall == report.overall


def test_overrides_the_recommendation_alone() -> None:
    report = made()
    after = reviewed(report, "overridden", recommendation="Meet her again.")
    assert after.overall is not None
    assert report.overall is not None
    assert after.overall.recommendation == "Meet her again."
    assert after.overall.score == report.overall.score
    assert after.competencies == report.competencies


def test_keeps_what_the_machine_said_through_all_reviews() -> None:
    report = made()
    once = reviewed(report, "overridden", scores={"learning": 1})
    twice = reviewed(once, "overridden", scores={"learning": 2})
    confirmed = reviewed(twice, "confirmed")
    for after in (once, twice, confirmed):
        assert after.review.original is not None
        assert after.review.original.competencies == report.competencies
    assert confirmed.competencies == twice.competencies
    assert Report.model_validate_json(confirmed.model_dump_json()) == confirmed


@pytest.mark.parametrize(
    ("state", "given", "pointer"),
    [
        ("confirmed", {"scores": {"learning": 3}}, "/scores"),
        ("confirmed", {"recommendation": "Yes."}, "/recommendation"),
        ("overridden", {}, "/scores"),
        ("overridden", {"scores": {"charm": 3}}, "/scores/charm"),
        ("overridden", {"scores": {"a/b~c": 3}}, "/scores/a~1b~0c"),
        ("overridden", {"scores": {"learning": 3}, "reason": " "}, "/reason"),
    ],
)
def test_refuses_what_does_not_fit(state: str, given: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        reviewed(made(), state, **given)
    assert refused.value.pointer == pointer


def test_refuses_an_anonymous_reviewer() -> None:
    with pytest.raises(InvalidInput) as refused:
        apply_review(made(), Decision(state=ReviewState.CONFIRMED), by=" ", at=NOW, reason="")
    assert refused.value.pointer == "/by"


def test_cannot_change_what_was_not_asked_for() -> None:
    with pytest.raises(InvalidInput, match="no such competency"):
        reviewed(made(AnalysisType.OVERALL), "overridden", scores={"learning": 3})
    with pytest.raises(InvalidInput, match="no recommendation"):
        reviewed(made(AnalysisType.COMPETENCY), "overridden", recommendation="Yes.")


@pytest.mark.parametrize("score", [0, 6, "high", 2.5])
def test_scores_are_levels(score: object) -> None:
    with pytest.raises(ValidationError):
        Decision.model_validate({"state": "overridden", "scores": {"learning": score}})
