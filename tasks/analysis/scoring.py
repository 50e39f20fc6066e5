"""Whether a transcript can be scored, and what follows from the scores.

Nothing here depends on sentiment or delivery, nor on how something was said.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import TypeVar

from tasks.analysis.report import (
    CompetencyScore,
    Gate,
    GateReason,
    InputQuality,
    ReportStatus,
    Span,
)
from tasks.analysis.rubric import Rubric

MIN_WORDS = 50
"""Of the candidate; some twenty seconds of speech."""
MIN_CONFIDENCE = 0.5
"""Below it, a recogniser expects more than half of its words to be wrong."""
MIN_COVERAGE = 0.5
MIN_SHARE = 0.5
"""The part of a rubric, by weight, that must be scored before an overall score is told."""
MONO_CONFIDENCE = 0.7
"""A factor where speakers are not told apart, as some of the words are not the candidate's."""
UNKNOWN_CONFIDENCE = 0.8
"""A factor where the recogniser does not tell how sure it is."""
TOLERANCE = 1.0
"""Seconds at the end of a recording that are no loss: containers are longer than their sound."""

Scores = Mapping[str, int | None]
"""Scores by the competency's id."""

_Case = TypeVar("_Case")

_MONO = (
    "The recording does not tell speakers apart. Everything but questions is taken to be the "
    "candidate's, which may include words of the interviewer; confidence is lowered."
)
_MISSING = "A part of the recording was not transcribed."
_NO_CONFIDENCE = "The recogniser does not tell how sure it is of its words; confidence is lowered."

_STRONG, _MIXED = 3.75, 2.5
_WEAK_CONFIDENCE = 0.4


def input_quality(
    *,
    mean_confidence: float | None,
    language: str | None,
    languages: frozenset[str] | None,
    transcribed: float,
    recorded: float,
    candidate_words: int,
    speakers_known: bool,
) -> InputQuality:
    """Judge what there is to work with.

    Args:
        mean_confidence: The recogniser's, from 0 to 1, where it is known.
        language: The transcript's, as ISO 639-1 code, where it is known.
        languages: Those the provider understands; None for any.
        transcribed: Seconds of audio that were transcribed.
        recorded: Seconds of audio there are.
        candidate_words: Words that are taken to be the candidate's.
        speakers_known: Whether the recording tells speakers apart.
    """
    missing = recorded - transcribed > TOLERANCE
    coverage = min(1.0, transcribed / recorded) if missing else 1.0
    gap = Span(start_ms=round(transcribed * 1000), end_ms=round(recorded * 1000))
    mono = candidate_words > 0 and not speakers_known
    unsure = candidate_words > 0 and mean_confidence is None
    foreign = languages is not None and language is not None and language not in languages
    reasons = _reasons(candidate_words, mean_confidence, coverage, foreign=foreign)
    return InputQuality(
        mean_confidence=None if mean_confidence is None else round(mean_confidence, 3),
        audio_coverage=round(coverage, 3),
        missing_spans=(gap,) if missing else (),
        speakers_known=speakers_known,
        candidate_words=candidate_words,
        gate=Gate.FAILED if reasons else Gate.PASSED,
        reasons=reasons,
        notes=_applying({_MONO: mono, _MISSING: missing, _NO_CONFIDENCE: unsure}),
    )


def _reasons(
    words: int, confidence: float | None, coverage: float, *, foreign: bool
) -> tuple[GateReason, ...]:
    return _applying(
        {
            GateReason.NO_SPEECH: words == 0,
            GateReason.TOO_FEW_WORDS: 0 < words < MIN_WORDS,
            GateReason.LOW_CONFIDENCE: confidence is not None and confidence < MIN_CONFIDENCE,
            GateReason.LOW_COVERAGE: coverage < MIN_COVERAGE,
            GateReason.UNSUPPORTED_LANGUAGE: foreign,
        }
    )


def _applying(cases: Mapping[_Case, bool]) -> tuple[_Case, ...]:
    return tuple(case for case, applies in cases.items() if applies)


def input_confidence(quality: InputQuality) -> float:
    """How far the words and their speakers can be trusted, from 0 to 1."""
    words = UNKNOWN_CONFIDENCE if quality.mean_confidence is None else quality.mean_confidence
    speakers = 1.0 if quality.speakers_known else MONO_CONFIDENCE
    return combined(words, speakers, quality.audio_coverage)


def combined(*confidences: float) -> float:
    """The confidence that all of several independent things hold: their product."""
    return round(prod(confidences), 2)


def weights(rubric: Rubric) -> dict[str, float]:
    """The share of each competency in the overall score; the shares add up to 1."""
    total = sum(one.weight for one in rubric.competencies)
    return {one.id: one.weight / total for one in rubric.competencies}


def scored_share(scores: Scores, shares: Mapping[str, float]) -> float:
    """The sum of the shares of those competencies that have a score, from 0 to 1."""
    return sum(shares[name] for name, score in scores.items() if score is not None)


def weighted_score(scores: Scores, shares: Mapping[str, float]) -> float | None:
    """The mean of the scores there are, weighted by their shares.

    Returns:
        A number from 1 to 5; None where less than half of the rubric has a score.
    """
    scored = scored_share(scores, shares)
    if scored < MIN_SHARE:
        return None
    known = ((score, shares[name]) for name, score in scores.items() if score is not None)
    return round(sum(score * share for score, share in known) / scored, 1)


def recommendation(score: float | None, confidence: float) -> str:
    """Advice for the reviewer; never a decision."""
    if score is None:
        advice = "There is too little evidence for advice: please go by the recording."
    elif score >= _STRONG:
        advice = "The quotes suggest strong evidence for what is looked for: consider a next step."
    elif score >= _MIXED:
        advice = "The quotes suggest mixed evidence: consider the follow-up questions."
    else:
        advice = (
            "The quotes suggest little of what is looked for: "
            "please check them against the recording."
        )
    if score is not None and confidence < _WEAK_CONFIDENCE:
        advice += " Confidence is low, so give this little weight."
    return f"{advice} This is advice; a person decides."


def status_of(
    quality: InputQuality, competencies: Sequence[CompetencyScore] | None
) -> ReportStatus:
    """How much could be told; competencies are None where they were not looked for."""
    if quality.gate is Gate.FAILED:
        return ReportStatus.INSUFFICIENT_EVIDENCE
    scores = [one.score for one in competencies or ()]
    if scores and not any(scores):
        return ReportStatus.INSUFFICIENT_EVIDENCE
    if quality.missing_spans or not all(scores):
        return ReportStatus.PARTIAL
    return ReportStatus.COMPLETE
