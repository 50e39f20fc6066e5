"""From the sentences that speak of a competency to a level, a reason and a confidence."""

from collections.abc import Sequence
from statistics import fmean, pstdev

from tasks.analysis.findings import CompetencyFinding, Quote
from tasks.analysis.rubric import LEVELS, Competency
from tasks.analysis.sentences import Sentence
from worker.adapters.language.matching import CLEAR, THRESHOLD, Hit

MOST = 5
"""The sentences that count for one competency: those with the strongest support."""
LONE_SUPPORT = 0.36
"""The least support of a sentence that stands alone; everyday sentences do not reach it."""


def judge(
    competency: Competency, hits: Sequence[Hit], sentences: Sequence[Sentence]
) -> CompetencyFinding:
    """Put a level on what was said of a competency.

    The level is the mean of the sentences' levels, weighted by their support.

    Args:
        competency: What was looked for.
        hits: The sentences that speak of it.
        sentences: All sentences, to which the hits refer.
    """
    strongest = sorted(hits, key=lambda hit: (-hit.support, hit.sentence))[:MOST]
    if not strongest or (len(strongest) == 1 and strongest[0].support < LONE_SUPPORT):
        return CompetencyFinding(
            id=competency.id,
            level=None,
            rationale="No sentence is close enough to the rubric's examples.",
            confidence=0.0,
        )
    weight = sum(hit.support for hit in strongest)
    mean = round(sum(hit.support * hit.level for hit in strongest) / weight, 1)
    level = int(mean + 0.5)
    return CompetencyFinding(
        id=competency.id,
        level=level,
        rationale=_rationale(strongest, mean, level),
        quotes=tuple(
            Quote(text=sentence.text, segment_ids=(sentence.segment_id,))
            for sentence in (sentences[hit.sentence] for hit in strongest)
        ),
        confidence=round(_confidence(strongest), 2),
    )


def _confidence(hits: Sequence[Hit]) -> float:
    """More sentences, that are clearer and of one mind, are more to go by.

    The product of three numbers from 0 to 1: the amount of evidence, half of what is lacking with
    each sentence; how clear it is, half at the threshold; and how far its levels agree.
    """
    amount = 1 - 0.5 ** len(hits)
    clarity = (fmean(hit.support for hit in hits) - THRESHOLD) / (CLEAR - THRESHOLD)
    spread = pstdev(hit.level for hit in hits) / (LEVELS[-1] - LEVELS[0])
    return amount * (0.5 + 0.5 * min(1.0, clarity)) * (1 - spread)


def _rationale(hits: Sequence[Hit], mean: float, level: int) -> str:
    count = "One sentence is" if len(hits) == 1 else f"{len(hits)} sentences are"
    closest = max(hit.support for hit in hits)
    return (
        f"{count} close to the rubric's examples (similarity up to {closest:.2f}), "
        f"on average at level {mean}, rounded to {level}."
    )
