"""The report: an analysis for a human reviewer.

Its parts that need understanding come from a language provider; the measurements, the checking of
quotes, the sums and the advice are worked out here. Parts that were not asked for are null.
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
    """How much of what was asked for could be told."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some competencies have no evidence, or some of the audio is missing."""
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"
    """Nothing is scored: the transcript is too poor, or nothing was heard about any competency."""


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
    """A stretch of the recording."""

    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)


class RubricReference(_Part):
    """The rubric that was used."""

    id: str
    version: str


class InputQuality(_Part):
    """What the analysis had to work with."""

    mean_confidence: float | None
    """Of the recogniser, from 0 to 1; None where it gives none."""
    audio_coverage: float
    """The share of the recording that was transcribed, silence included."""
    missing_spans: tuple[Span, ...]
    speakers_known: bool
    candidate_words: int
    gate: Gate
    reasons: tuple[GateReason, ...]
    """Why the gate is not passed."""
    notes: tuple[str, ...]
    """What a reviewer should know of it."""


class Evidence(_Part):
    """Words of the transcript that support a score."""

    segment_id: int
    """The segment in which the quote begins."""
    start_ms: int
    end_ms: int
    speaker: Speaker | None
    quote: str
    """The transcript's own wording."""
    match: QuoteMatch


class CompetencyScore(_Part):
    """One competency of the rubric."""

    id: str
    name: str
    score: Level | None
    """None where there is no evidence."""
    anchor: str | None
    """What the rubric says of this score."""
    rationale: str
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[Evidence, ...] = ()


class QuestionStatus(StrEnum):
    """Whether a question was answered."""

    ANSWERED = "answered"
    NOT_ANSWERED = "not_answered"


class Question(_Part):
    """A question of the interviewer, and what came of it."""

    id: str
    text: str
    status: QuestionStatus
    score: float | None
    """The mean score of the competencies that have evidence in the answer."""
    summary: str | None
    """How the answer begins."""
    start_ms: int
    end_ms: int
    """The end of the answer."""
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[Evidence, ...] = ()


class Delivery(_Part):
    """How the candidate spoke, by the clock; it does not enter any score."""

    talk_ratio: dict[Speaker, float] | None
    """Each speaker's share of the time in which somebody speaks."""
    wpm: float | None
    """Words per minute of the candidate's speech."""
    fillers_per_min: float | None
    """Filler words per minute of the candidate's speech."""
    filler_words: dict[str, int] | None
    """How often the candidate used each."""
    longest_monologue_ms: int | None
    """The candidate's longest turn."""
    longest_pause_ms: int | None
    """The longest time between two segments, whoever speaks."""
    confidence: float = Field(ge=0, le=1)


class Mood(_Part):
    """The sentiment of one segment's words."""

    segment_id: int
    start_ms: int
    end_ms: int
    speaker: Speaker | None
    score: float = Field(ge=-1, le=1)


class Sentiment(_Part):
    """The sentiment of what was said, from the text alone."""

    basis: Literal["transcript_text"] = "transcript_text"
    timeline: tuple[Mood, ...]
    overall: float | None = Field(ge=-1, le=1)
    """The candidate's mean, weighted by words."""
    used_in_overall: Literal[False] = False
    confidence: float = Field(ge=0, le=1)


class Overall(_Part):
    """The whole, as advice to the reviewer who decides."""

    score: float | None = Field(ge=1, le=5)
    """The weighted mean of the competencies' scores."""
    summary: str | None
    summary_confidence: float | None = Field(ge=0, le=1)
    recommendation: str
    weights: dict[str, float]
    """Each competency's share by the rubric; the shares of those that have a score count."""
    advisory: Literal[True] = True
    confidence: float = Field(ge=0, le=1)
    """Of the score; what has no score adds none."""


class FollowUpQuestion(_Part):
    """A question that the next interview could ask."""

    competency: str
    question: str
    reason: str


class Tokens(_Part):
    """What a model read and wrote."""

    input: int | None
    output: int | None


class Provenance(_Part):
    """Where a part of the report comes from."""

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
    """US dollars; None where it is not known."""
    price_version: str | None = None


class Original(_Part):
    """What the machine had said before a human overrode it."""

    competencies: tuple[CompetencyScore, ...] | None
    overall: Overall | None


class ReviewState(StrEnum):
    """What a human made of the report."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    OVERRIDDEN = "overridden"


class Review(_Part):
    """The last word, which is a human's."""

    state: ReviewState = ReviewState.PENDING
    by: str | None = None
    at: AwareDatetime | None = None
    reason: str | None = None
    original: Original | None = None
    """What the machine had said; None where nothing was overridden."""


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
    """None where the settings waive it."""
    review: Review = Review()
