"""Masking of personal data in the transcripts that language providers read.

Names, addresses and numbers are replaced by placeholders before a transcript is sent, and restored
in the provider's findings: quotes are compared with the transcript, and reviewers read names.
"""

from typing import Protocol

from tasks.analysis.findings import CompetencyFinding, CompetencyFindings
from tasks.interviews.people import Person
from tasks.interviews.transcript import Segment, Transcript


class Mask(Protocol):
    """Masks the personal data of one interview."""

    def hide(self, text: str) -> str:
        """Replace personal data by placeholders, equal data by the same placeholder."""

    def reveal(self, text: str) -> str:
        """Replace placeholders by the personal data that `hide` replaced."""


class Masker(Protocol):
    """Makes masks."""

    def mask(self, people: tuple[Person, ...]) -> Mask:
        """Create a mask for an interview with these people."""


def masked_transcript(transcript: Transcript, mask: Mask) -> Transcript:
    """A transcript with masked text."""
    segments = tuple(_masked_segment(segment, mask) for segment in transcript.segments)
    return transcript.model_copy(update={"segments": segments})


def unmasked_competencies(findings: CompetencyFindings, mask: Mask) -> CompetencyFindings:
    """Findings with the personal data restored in quotes and rationales."""
    restored = tuple(_unmasked(finding, mask) for finding in findings.competencies)
    return findings.model_copy(update={"competencies": restored})


def _masked_segment(segment: Segment, mask: Mask) -> Segment:
    # A name may span several words, which cannot be masked one by one: they are left out.
    return segment.model_copy(update={"text": mask.hide(segment.text), "words": ()})


def _unmasked(finding: CompetencyFinding, mask: Mask) -> CompetencyFinding:
    quotes = tuple(
        quote.model_copy(update={"text": mask.reveal(quote.text)}) for quote in finding.quotes
    )
    rationale = mask.reveal(finding.rationale)
    return finding.model_copy(update={"quotes": quotes, "rationale": rationale})
