"""Competency scores, computed from a provider's findings after checking its quotes."""

from collections.abc import Iterable, Sequence

from tasks.analysis.evidence import Quotation, QuoteMatch, Quotes
from tasks.analysis.findings import CompetencyFinding
from tasks.analysis.report import CompetencyScore, Evidence, FollowUpQuestion
from tasks.analysis.rubric import Competency, Rubric
from tasks.analysis.scoring import combined
from tasks.analysis.speaking import milliseconds

UNSURE = 0.4
"""Scores below this confidence get a follow-up question."""


def score_competencies(
    rubric: Rubric, findings: Iterable[CompetencyFinding], quotes: Quotes, trust: float
) -> tuple[CompetencyScore, ...]:
    """Turn findings into scores, one for each competency of the rubric.

    Quotes that the candidate did not say are dropped, and the share dropped lowers the confidence.
    A level with no remaining quote is discarded.

    Args:
        rubric: The competencies to score.
        findings: The provider's findings; if a competency has several, the first is used.
        quotes: The candidate's sentences.
        trust: Confidence in the words and speakers, from 0 to 1.
    """
    claimed: dict[str, CompetencyFinding] = {}
    for finding in findings:
        claimed.setdefault(finding.id, finding)
    return tuple(_score(one, claimed.get(one.id), quotes, trust) for one in rubric.competencies)


def unscored(rubric: Rubric, reason: str) -> tuple[CompetencyScore, ...]:
    """The competencies of a rubric, all without a score."""
    return tuple(_without_score(competency, reason) for competency in rubric.competencies)


def follow_ups(rubric: Rubric, scored: Sequence[CompetencyScore]) -> tuple[FollowUpQuestion, ...]:
    """Follow-up questions for competencies with no score or a low confidence."""
    asked = {competency.id: competency.question for competency in rubric.competencies}
    return tuple(
        FollowUpQuestion(
            competency=one.id,
            question=asked[one.id],
            reason="no evidence" if one.score is None else "low confidence",
        )
        for one in scored
        if one.score is None or one.confidence < UNSURE
    )


def _score(
    competency: Competency, finding: CompetencyFinding | None, quotes: Quotes, trust: float
) -> CompetencyScore:
    if finding is None or finding.level is None:
        return _without_score(
            competency, finding.rationale if finding else "No evidence was found."
        )
    found = [quotes.find(quote.text, quote.segment_ids) for quote in finding.quotes]
    verified = [quotation for quotation in found if quotation.match is not QuoteMatch.UNVERIFIED]
    if not verified:
        return _without_score(competency, "None of the provider's quotes is in the transcript.")
    dropped = len(found) - len(verified)
    return CompetencyScore(
        id=competency.id,
        name=competency.name,
        score=finding.level,
        anchor=competency.anchor(finding.level).description,
        rationale=finding.rationale + (f" {_dropped(dropped)}" if dropped else ""),
        confidence=combined(finding.confidence, trust, len(verified) / len(found)),
        evidence=tuple(dict.fromkeys(_evidence(quotation) for quotation in verified)),
    )


def _without_score(competency: Competency, reason: str) -> CompetencyScore:
    return CompetencyScore(
        id=competency.id,
        name=competency.name,
        score=None,
        anchor=None,
        rationale=reason,
        confidence=0.0,
    )


def _dropped(count: int) -> str:
    quotes = "A quote was" if count == 1 else f"{count} quotes were"
    return f"{quotes} dropped: not said by the candidate."


def _evidence(quotation: Quotation) -> Evidence:
    first, last = quotation.tokens[0], quotation.tokens[-1]
    return Evidence(
        segment_id=first.segment_id,
        start_ms=milliseconds(first.start),
        end_ms=milliseconds(last.end),
        speaker=quotation.speaker,
        quote=quotation.text,
        match=quotation.match,
    )
