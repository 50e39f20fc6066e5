"""Hiding who people are from those who need not know.

Before words leave for a language model, names, addresses and numbers are replaced by placeholders,
and in what comes back the placeholders by what they stood for: quotes are compared with what was
said, and people read names.
"""

from typing import Protocol

from tasks.analysis.findings import (
    CompetencyFinding,
    CompetencyFindings,
    SentimentFinding,
    SummaryFinding,
)
from tasks.analysis.rubric import Rubric
from tasks.interviews.people import Person
from tasks.interviews.transcript import Segment, Transcript
from tasks.ports import LanguageProvider


class Mask(Protocol):
    """Hides the people of one interview."""

    def hide(self, text: str) -> str:
        """Replace what tells who somebody is; the same by the same placeholder each time."""

    def reveal(self, text: str) -> str:
        """Replace the placeholders that were given by what they stood for."""


class Masker(Protocol):
    """Makes masks."""

    def mask(self, people: tuple[Person, ...]) -> Mask:
        """A mask for an interview of these people, and of whom else they speak."""


class MaskedLanguage:
    """A `LanguageProvider` that asks another one, who does not learn of whom.

    Args:
        provider: The other one.
        mask: Hides and reveals.
    """

    def __init__(self, provider: LanguageProvider, mask: Mask) -> None:
        self._provider = provider
        self._mask = mask
        self.name = provider.name
        self.languages = provider.languages

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        """See `LanguageProvider.sentiment`."""
        return self._provider.sentiment(self._hidden(transcript))

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        """See `LanguageProvider.competencies`."""
        found = self._provider.competencies(self._hidden(transcript), rubric)
        revealed = tuple(self._revealed(one) for one in found.competencies)
        return found.model_copy(update={"competencies": revealed})

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        """See `LanguageProvider.summarise`."""
        found = self._provider.summarise(self._hidden(transcript))
        return found.model_copy(update={"text": self._mask.reveal(found.text)})

    def _hidden(self, transcript: Transcript) -> Transcript:
        segments = tuple(self._hidden_segment(segment) for segment in transcript.segments)
        return transcript.model_copy(update={"segments": segments})

    def _hidden_segment(self, segment: Segment) -> Segment:
        # Words are not hidden one by one, so they are left out.
        return segment.model_copy(update={"text": self._mask.hide(segment.text), "words": ()})

    def _revealed(self, finding: CompetencyFinding) -> CompetencyFinding:
        quotes = tuple(
            quote.model_copy(update={"text": self._mask.reveal(quote.text)})
            for quote in finding.quotes
        )
        rationale = self._mask.reveal(finding.rationale)
        return finding.model_copy(update={"quotes": quotes, "rationale": rationale})
