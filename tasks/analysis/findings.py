"""Findings: the claims of a language provider about a transcript.

The analysis checks the quotes, and computes scores, totals and recommendations itself.
"""

from pydantic import BaseModel, ConfigDict, Field

from tasks.analysis.rubric import Level


class _Finding(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelCall(_Finding):
    """The model that produced an answer, and its cost."""

    provider: str
    model: str
    prompt_version: str | None = None
    """None if there is no prompt."""
    fallback_from: str | None = None
    """The provider that was tried first and failed."""
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    cost: float | None = Field(default=None, ge=0)
    """US dollars; None if the price is unknown."""
    price_version: str | None = None
    """The version of the price list used to compute the cost."""


class SegmentSentiment(_Finding):
    """The sentiment of one segment's words."""

    segment_id: int
    score: float = Field(ge=-1, le=1)
    """From -1 (negative) to 1 (positive)."""


class SentimentFinding(_Finding):
    """The sentiment of a transcript's words; the voice is not analysed."""

    segments: tuple[SegmentSentiment, ...]
    confidence: float = Field(ge=0, le=1)
    call: ModelCall


class Quote(_Finding):
    """A quote that the provider attributes to the candidate."""

    text: str
    segment_ids: tuple[int, ...] = ()
    """The segments that the provider gives as its position."""


class CompetencyFinding(_Finding):
    """The finding about one competency."""

    id: str
    level: Level | None
    """None if there is no evidence."""
    rationale: str
    quotes: tuple[Quote, ...] = ()
    confidence: float = Field(ge=0, le=1)


class CompetencyFindings(_Finding):
    """Findings about the competencies of a rubric; an absent competency has no evidence."""

    competencies: tuple[CompetencyFinding, ...]
    call: ModelCall


class SummaryFinding(_Finding):
    """A short summary of the conversation."""

    text: str
    confidence: float = Field(ge=0, le=1)
    call: ModelCall
