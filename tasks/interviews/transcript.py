"""The transcript: words, speakers, times and confidences."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Speaker(StrEnum):
    """The roles of a recorded interview."""

    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"


class Word(BaseModel):
    """One recognised word."""

    model_config = ConfigDict(frozen=True)

    text: str
    start: float = Field(ge=0)
    """Seconds from the start of the recording."""
    end: float = Field(ge=0)
    confidence: float | None = Field(ge=0, le=1)


class Segment(BaseModel):
    """A stretch of speech by one speaker."""

    model_config = ConfigDict(frozen=True)

    id: int
    """The position in the transcript, counted from 0."""
    start: float = Field(ge=0)
    """Seconds from the start of the recording."""
    end: float = Field(ge=0)
    speaker: Speaker | None
    """None if speakers are not separated."""
    text: str
    confidence: float | None = Field(ge=0, le=1)
    """The mean of the words' confidences; None if the provider reports none."""
    words: tuple[Word, ...] = ()


class Transcript(BaseModel):
    """The transcript of a recording; its segments are ordered by start."""

    model_config = ConfigDict(frozen=True)

    language: str | None
    """ISO 639-1 code; None if there was no speech to detect it from."""
    duration: float = Field(ge=0)
    """Seconds of audio that were processed."""
    provider: str
    model: str
    segments: tuple[Segment, ...] = ()
    fallback_from: str | None = None
    """The provider that was tried first and failed."""
    cost: float | None = Field(default=None, ge=0)
    """US dollars; None if there is no price or it is unknown."""
    price_version: str | None = None
    """The version of the price list used to compute the cost."""

    @property
    def text(self) -> str:
        """The full text in one string."""
        return " ".join(segment.text for segment in self.segments)

    @property
    def has_speech(self) -> bool:
        """Whether there is any speech."""
        return bool(self.segments)

    @property
    def confidence(self) -> float | None:
        """The segments' mean confidence, weighted by their duration."""
        return weighted_confidence(self.segments)

    @property
    def sha256(self) -> str:
        """A hash of the words and speakers, by which a report identifies its transcript."""
        lines = (f"{s.id}\t{s.speaker or ''}\t{s.text}\n" for s in self.segments)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def weighted_confidence(segments: Sequence[Segment]) -> float | None:
    """The mean confidence of the segments that have one, weighted by their duration.

    Returns:
        A number from 0 to 1, or None if no segment has a confidence.
    """
    known = [(s.confidence, s.end - s.start) for s in segments if s.confidence is not None]
    total = sum(duration for _, duration in known)
    if not total:
        return None
    return sum(confidence * duration for confidence, duration in known) / total
