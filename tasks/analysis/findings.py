"""What a language provider finds in a transcript.

Findings are claims: quotes are checked, and scores, sums and advice are worked out from them, by
the analysis itself.
"""

from pydantic import BaseModel, ConfigDict, Field

from tasks.analysis.rubric import Level


class _Finding(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelCall(_Finding):
    """Which model gave an answer, and at what cost."""

    provider: str
    model: str
    prompt_version: str | None = None
    """None where there is no prompt."""
    fallback_from: str | None = None
    """The provider that was asked first and failed."""
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    cost: float | None = Field(default=None, ge=0)
    """US dollars; None where the price is not known."""
    price_version: str | None = None
    """The price list by which the cost was reckoned."""


class SegmentSentiment(_Finding):
    """The sentiment of one segment's words."""

    segment_id: int
    score: float = Field(ge=-1, le=1)
    """From -1, negative, to 1, positive."""


class SentimentFinding(_Finding):
    """The sentiment of a transcript's words; nothing is inferred from the voice."""

    segments: tuple[SegmentSentiment, ...]
    confidence: float = Field(ge=0, le=1)
    call: ModelCall


class Quote(_Finding):
    """Words the candidate is claimed to have said."""

    text: str
    segment_ids: tuple[int, ...] = ()
    """Where they are claimed to stand."""


class CompetencyFinding(_Finding):
    """What was found of one competency."""

    id: str
    level: Level | None
    """None where there is no evidence."""
    rationale: str
    quotes: tuple[Quote, ...] = ()
    confidence: float = Field(ge=0, le=1)


class CompetencyFindings(_Finding):
    """What was found of each competency of a rubric; what is left out was not found."""

    competencies: tuple[CompetencyFinding, ...]
    call: ModelCall


class SummaryFinding(_Finding):
    """What was talked about, in short."""

    text: str
    confidence: float = Field(ge=0, le=1)
    call: ModelCall
