"""The report: the analysis of an interview for a human reviewer.

Sentiment, competencies and the summary come from a language provider; measurements, quote checks,
scores and the recommendation are computed here. Parts that were not requested are null.
"""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.analysis.evidence import QuoteMatch
from tasks.analysis.rubric import Level
from tasks.interviews.interview import Consent, Stage
from tasks.interviews.transcript import Speaker

SCHEMA_VERSION = "1"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReportStatus(StrEnum):
    """How complete the analysis is."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some competencies have no evidence, or part of the audio is missing."""
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"
    """Nothing is scored: the transcript failed the quality gate, or no competency has evidence."""


class Gate(StrEnum):
    """Whether a transcript is good enough to be scored."""

    PASSED = "passed"
    FAILED = "failed"


class GateReason(StrEnum):
    """Why a transcript is not scored."""

    NO_SPEECH = "no_speech"
    TOO_FEW_WORDS = "too_few_words"
    LOW_CONFIDENCE = "low_confidence"
    LOW_COVERAGE = "low_coverage"
    UNSUPPORTED_LANGUAGE = "unsupported_language"


class Span(_Part):
    """A time span of the recording."""

    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)


class RubricReference(_Part):
    """The rubric that was used."""

    id: str
    version: str


class InputQuality(_Part):
    """The quality of the transcript and its audio."""

    mean_confidence: float | None
    """The recogniser's mean confidence, from 0 to 1; None if it reports none."""
    audio_coverage: float
    """The share of the recording that was transcribed, including silence."""
    missing_spans: tuple[Span, ...]
    speakers_known: bool
    candidate_words: int
    gate: Gate
    reasons: tuple[GateReason, ...]
    """Why the quality gate failed."""
    notes: tuple[str, ...]
    """Remarks on the quality, for the reviewer."""


class Evidence(_Part):
    """A quote from the transcript that supports a score."""

    segment_id: int
    """The segment in which the quote begins."""
    start_ms: int
    end_ms: int
    speaker: Speaker | None
    quote: str
    """The transcript's wording."""
    match: QuoteMatch


class CompetencyScore(_Part):
    """The score of one competency."""

    id: str
    name: str
    score: Level | None
    """None if there is no evidence."""
    anchor: str | None
    """The rubric's description of this level."""
    rationale: str
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[Evidence, ...] = ()


class QuestionStatus(StrEnum):
    """Whether a question was answered."""

    ANSWERED = "answered"
    NOT_ANSWERED = "not_answered"


class Question(_Part):
    """A question of the interviewer, and its answer."""

    id: str
    text: str
    status: QuestionStatus
    score: float | None
    """The mean score of the competencies with evidence in the answer."""
    summary: str | None
    """The beginning of the answer."""
    start_ms: int
    end_ms: int
    """The end of the answer."""
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[Evidence, ...] = ()


class Delivery(_Part):
    """Timing of the candidate's speech; it does not affect any score."""

    talk_ratio: dict[Speaker, float] | None
    """Each speaker's share of the total speaking time."""
    wpm: float | None
    """The candidate's words per minute."""
    fillers_per_min: float | None
    """The candidate's filler words per minute."""
    filler_words: dict[str, int] | None
    """How often the candidate used each filler word."""
    longest_monologue_ms: int | None
    """The candidate's longest turn."""
    longest_pause_ms: int | None
    """The longest gap between two segments of any speaker."""
    confidence: float = Field(ge=0, le=1)


class Mood(_Part):
    """The sentiment of one segment's words."""

    segment_id: int
    start_ms: int
    end_ms: int
    speaker: Speaker | None
    score: float = Field(ge=-1, le=1)


class Sentiment(_Part):
    """The sentiment of the conversation, from the text alone."""

    basis: Literal["transcript_text"] = "transcript_text"
    timeline: tuple[Mood, ...]
    overall: float | None = Field(ge=-1, le=1)
    """The mean over the candidate's segments, weighted by words."""
    used_in_overall: Literal[False] = False
    confidence: float = Field(ge=0, le=1)


class Overall(_Part):
    """The overall score and a recommendation to the reviewer, who decides."""

    score: float | None = Field(ge=1, le=5)
    """The weighted mean of the competencies' scores."""
    summary: str | None
    summary_confidence: float | None = Field(ge=0, le=1)
    recommendation: str
    weights: dict[str, float]
    """Each competency's weight in the rubric; only competencies with a score enter the mean."""
    advisory: Literal[True] = True
    confidence: float = Field(ge=0, le=1)
    """Confidence in the score; competencies without a score contribute none."""


class FollowUpQuestion(_Part):
    """A suggested question for the next interview."""

    competency: str
    question: str
    reason: str


class Tokens(_Part):
    """Tokens that a model read and wrote."""

    input: int | None
    output: int | None


class Provenance(_Part):
    """The origin of a part of the report."""

    stage: Stage
    part: str
    """`transcript`, `sentiment`, `competencies` or `summary`."""
    provider: str
    model: str
    prompt_version: str | None = None
    attempt: int
    fallback_from: str | None = None
    tokens: Tokens | None = None
    cost: float | None = None
    """US dollars; None if unknown."""
    price_version: str | None = None


class Original(_Part):
    """The model's values before a human overrode them."""

    competencies: tuple[CompetencyScore, ...] | None
    overall: Overall | None


class ReviewState(StrEnum):
    """The state of the human review."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    OVERRIDDEN = "overridden"


class Review(_Part):
    """The human review, which takes precedence over the analysis."""

    state: ReviewState = ReviewState.PENDING
    by: str | None = None
    at: AwareDatetime | None = None
    reason: str | None = None
    original: Original | None = None
    """The values before the first override; None if nothing was overridden."""


class Report(_Part):
    """The analysis of an interview."""

    schema_version: str = SCHEMA_VERSION
    interview_id: str
    created_at: AwareDatetime
    transcript_sha256: str
    rubric: RubricReference
    status: ReportStatus
    input_quality: InputQuality
    competencies: tuple[CompetencyScore, ...] | None
    questions: tuple[Question, ...]
    delivery: Delivery
    sentiment: Sentiment | None
    overall: Overall | None
    follow_ups: tuple[FollowUpQuestion, ...]
    provenance: tuple[Provenance, ...]
    consent: Consent | None
    """None if the settings do not require consent."""
    review: Review = Review()
