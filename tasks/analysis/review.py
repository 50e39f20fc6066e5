"""Human review of a report: confirmations and overrides."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.analysis.report import CompetencyScore, Original, Overall, Report, Review, ReviewState
from tasks.analysis.rubric import Level
from tasks.analysis.scoring import recommendation, weighted_score
from tasks.errors import InvalidInput


class Decision(BaseModel):
    """A reviewer's decision; fields left out stay unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Literal[ReviewState.CONFIRMED, ReviewState.OVERRIDDEN]
    scores: dict[str, Level | None] = Field(default_factory=dict)
    """New scores by competency id; null removes a score."""
    recommendation: str | None = Field(default=None, min_length=1, max_length=2000)


def apply_review(
    report: Report, decision: Decision, *, by: str, at: datetime, reason: str
) -> Report:
    """Return the report with a reviewer's decision applied.

    An override changes the scores it names; the overall score, and the recommendation unless a new
    one is given, are recomputed. The original values are kept in `review.original`, even after
    several overrides. A confirmation accepts the report in its current state.

    Args:
        report: The report before the review.
        decision: The decision.
        by: The reviewer's name.
        at: The time of the review.
        reason: The reason; required for an override.

    Raises:
        InvalidInput: The decision does not fit the report; the pointer names the field.
    """
    _check(report, decision, by, reason)
    overridden = decision.state is ReviewState.OVERRIDDEN
    original = report.review.original
    if overridden and original is None:
        original = Original(competencies=report.competencies, overall=report.overall)
    review = Review(
        state=decision.state, by=by, at=at, reason=reason.strip() or None, original=original
    )
    changed = _overridden(report, decision) if overridden else {}
    return report.model_copy(update={"review": review, **changed})


def _overridden(report: Report, decision: Decision) -> dict[str, object]:
    competencies = report.competencies
    if competencies is not None:
        competencies = tuple(_rescored(one, decision.scores) for one in competencies)
    overall = report.overall
    if overall is not None:
        overall = _reconsidered(overall, competencies or (), decision)
    return {"competencies": competencies, "overall": overall}


def _rescored(one: CompetencyScore, scores: Mapping[str, int | None]) -> CompetencyScore:
    if one.id not in scores:
        return one
    return one.model_copy(
        update={"score": scores[one.id], "anchor": None, "rationale": "Set by the reviewer."}
    )


def _reconsidered(
    overall: Overall, competencies: tuple[CompetencyScore, ...], decision: Decision
) -> Overall:
    score, advice = overall.score, overall.recommendation
    if decision.scores:
        score = weighted_score({one.id: one.score for one in competencies}, overall.weights)
        advice = recommendation(score, overall.confidence)
    return overall.model_copy(
        update={"score": score, "recommendation": decision.recommendation or advice}
    )


def _check(report: Report, decision: Decision, by: str, reason: str) -> None:
    if not by.strip():
        raise InvalidInput("the reviewer must be named", pointer="/by")
    if decision.state is ReviewState.OVERRIDDEN:
        _check_override(report, decision, reason)
    elif decision.scores:
        raise InvalidInput("a confirmation changes no scores", pointer="/scores")
    elif decision.recommendation is not None:
        raise InvalidInput("a confirmation changes no recommendation", pointer="/recommendation")


def _check_override(report: Report, decision: Decision, reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("an override needs a reason", pointer="/reason")
    if not decision.scores and decision.recommendation is None:
        raise InvalidInput("an override must change something", pointer="/scores")
    known = {one.id for one in report.competencies or ()}
    for name in decision.scores:
        if name not in known:
            escaped = name.replace("~", "~0").replace("/", "~1")
            raise InvalidInput("the report has no such competency", pointer=f"/scores/{escaped}")
    if decision.recommendation is not None and report.overall is None:
        raise InvalidInput("the report has no recommendation", pointer="/recommendation")
