"""The quality gate for transcripts, and the overall score.

Neither depends on sentiment or delivery.
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
"""Candidate words; about twenty seconds of speech."""
MIN_CONFIDENCE = 0.5
"""Below this, the recogniser expects more than half of its words to be wrong."""
MIN_COVERAGE = 0.5
MIN_SHARE = 0.5
"""The share of a rubric, by weight, that must be scored for an overall score."""
MONO_CONFIDENCE = 0.7
"""Factor if speakers are not separated, because some words are the interviewer's."""
UNKNOWN_CONFIDENCE = 0.8
"""Factor if the recogniser reports no confidence."""
TOLERANCE = 1.0
"""Seconds that may be missing at the end: containers are longer than their audio."""

Scores = Mapping[str, int | None]
"""Scores by competency id."""

_Case = TypeVar("_Case")

_MONO = (
    "Speakers are not separated in the recording. Everything except questions is attributed to "
    "the candidate, which may include the interviewer's words; confidence is lowered."
)
_MISSING = "Part of the recording was not transcribed."
_NO_CONFIDENCE = "The recogniser reports no confidence, so the confidence of scores is lowered."

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
    """Assess the quality of a transcript.

    Args:
        mean_confidence: The recogniser's confidence, from 0 to 1, if known.
        language: The transcript's language as an ISO 639-1 code, if known.
        languages: The languages that the provider supports; None for any.
        transcribed: Seconds of audio that were transcribed.
        recorded: Seconds of audio in the recording.
        candidate_words: Number of words attributed to the candidate.
        speakers_known: Whether the recording separates speakers.
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
    """Confidence in the words and their speakers, from 0 to 1."""
    words = UNKNOWN_CONFIDENCE if quality.mean_confidence is None else quality.mean_confidence
    speakers = 1.0 if quality.speakers_known else MONO_CONFIDENCE
    return combined(words, speakers, quality.audio_coverage)


def combined(*confidences: float) -> float:
    """Joint confidence in several independent facts: the product."""
    return round(prod(confidences), 2)


def weights(rubric: Rubric) -> dict[str, float]:
    """Each competency's share of the overall score; the shares add up to 1."""
    total = sum(one.weight for one in rubric.competencies)
    return {one.id: one.weight / total for one in rubric.competencies}


def scored_share(scores: Scores, shares: Mapping[str, float]) -> float:
    """The sum of the shares of the competencies that have a score, from 0 to 1."""
    return sum(shares[name] for name, score in scores.items() if score is not None)


def weighted_score(scores: Scores, shares: Mapping[str, float]) -> float | None:
    """The mean of the available scores, weighted by their shares.

    Returns:
        A number from 1 to 5; None if less than half of the rubric has a score.
    """
    scored = scored_share(scores, shares)
    if scored < MIN_SHARE:
        return None
    known = ((score, shares[name]) for name, score in scores.items() if score is not None)
    return round(sum(score * share for score, share in known) / scored, 1)


def recommendation(score: float | None, confidence: float) -> str:
    """A recommendation for the reviewer; never a decision."""
    if score is None:
        advice = "There is too little evidence for advice: please listen to the recording."
    elif score >= _STRONG:
        advice = "The quotes suggest strong evidence for what is looked for: consider a next step."
    elif score >= _MIXED:
        advice = "The quotes suggest mixed evidence: consider the follow-up questions."
    else:
        advice = (
            "The quotes suggest little evidence for what is looked for: "
            "please check them against the recording."
        )
    if score is not None and confidence < _WEAK_CONFIDENCE:
        advice += " Confidence is low, so give this little weight."
    return f"{advice} This is advice; a person decides."


def status_of(
    quality: InputQuality, competencies: Sequence[CompetencyScore] | None
) -> ReportStatus:
    """How complete the report is; competencies are None if they were not evaluated."""
    if quality.gate is Gate.FAILED:
        return ReportStatus.INSUFFICIENT_EVIDENCE
    scores = [one.score for one in competencies or ()]
    if scores and not any(scores):
        return ReportStatus.INSUFFICIENT_EVIDENCE
    if quality.missing_spans or not all(scores):
        return ReportStatus.PARTIAL
    return ReportStatus.COMPLETE
