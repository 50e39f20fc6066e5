"""Scoring of competencies: level, reason and confidence from matching sentences."""

from collections.abc import Sequence
from statistics import fmean, pstdev

from tasks.analysis.findings import CompetencyFinding, Quote
from tasks.analysis.rubric import LEVELS, Competency
from tasks.analysis.sentences import Sentence
from worker.adapters.language.matching import CLEAR_SUPPORT, THRESHOLD, Match

MAX_SENTENCES = 5
"""The number of sentences considered for one competency: those with the strongest support."""
MIN_LONE_SUPPORT = 0.36
"""The minimum support of a single sentence; everyday sentences do not reach it."""


def score_level(
    competency: Competency, matches: Sequence[Match], sentences: Sequence[Sentence]
) -> CompetencyFinding:
    """Score the level of a competency.

    The level is the mean of the sentences' levels, weighted by their support.

    Args:
        competency: The competency.
        matches: The sentences that match it.
        sentences: All sentences, to whose positions the matches refer.
    """
    strongest = sorted(matches, key=lambda match: (-match.support, match.sentence))[:MAX_SENTENCES]
    if not strongest or (len(strongest) == 1 and strongest[0].support < MIN_LONE_SUPPORT):
        return CompetencyFinding(
            id=competency.id,
            level=None,
            rationale="No sentence is close enough to the rubric's examples.",
            confidence=0.0,
        )
    weight = sum(match.support for match in strongest)
    mean = round(sum(match.support * match.level for match in strongest) / weight, 1)
    level = int(mean + 0.5)
    return CompetencyFinding(
        id=competency.id,
        level=level,
        rationale=_rationale(strongest, mean, level),
        quotes=tuple(
            Quote(text=sentence.text, segment_ids=(sentence.segment_id,))
            for sentence in (sentences[match.sentence] for match in strongest)
        ),
        confidence=round(_confidence(strongest), 2),
    )


def _confidence(matches: Sequence[Match]) -> float:
    """Return the confidence, which grows with the number, support and agreement of sentences.

    The product of three numbers from 0 to 1: the amount of evidence (each sentence halves the
    distance to 1), its mean support (0.5 at the threshold), and the agreement of the levels.
    """
    amount = 1 - 0.5 ** len(matches)
    clarity = (fmean(match.support for match in matches) - THRESHOLD) / (CLEAR_SUPPORT - THRESHOLD)
    spread = pstdev(match.level for match in matches) / (LEVELS[-1] - LEVELS[0])
    return amount * (0.5 + 0.5 * min(1.0, clarity)) * (1 - spread)


def _rationale(matches: Sequence[Match], mean: float, level: int) -> str:
    count = "One sentence is" if len(matches) == 1 else f"{len(matches)} sentences are"
    closest = max(match.support for match in matches)
    return (
        f"{count} close to the rubric's examples (similarity up to {closest:.2f}), "
        f"on average at level {mean}, rounded to {level}."
    )
