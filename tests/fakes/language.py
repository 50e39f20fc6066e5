"""A `LanguageProvider` with scripted findings."""

from collections.abc import Sequence

from tasks.analysis.findings import (
    CompetencyFinding,
    CompetencyFindings,
    ModelCall,
    Quote,
    SegmentSentiment,
    SentimentFinding,
    SummaryFinding,
)
from tasks.analysis.rubric import Rubric
from tasks.analysis.sentences import candidate_sentences
from tasks.interviews.transcript import Transcript

CALL = ModelCall(provider="fake", model="fake-1", prompt_version="7", input_tokens=10, cost=0.25)


class FakeLanguage:
    """Returns the given findings, by default with the candidate's first sentence as the quote."""

    def __init__(
        self,
        findings: Sequence[CompetencyFinding] | None = None,
        *,
        sentiment: float = 0.0,
        languages: frozenset[str] | None = None,
    ) -> None:
        self._findings = findings
        self._sentiment = sentiment
        self._languages = languages
        self.calls: list[str] = []

    @property
    def name(self) -> str:
        return "fake"

    @property
    def languages(self) -> frozenset[str] | None:
        return self._languages

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        self.calls.append("sentiment")
        segments = (
            SegmentSentiment(segment_id=one.id, score=self._sentiment)
            for one in transcript.segments
        )
        return SentimentFinding(segments=tuple(segments), confidence=1.0, call=CALL)

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        self.calls.append("competencies")
        found = self._findings
        if found is None:
            said = [s for s in candidate_sentences(transcript) if s.words >= 3][:1]
            found = [
                CompetencyFinding(
                    id=one.id,
                    level=4 if said else None,
                    rationale="It was said.",
                    quotes=tuple(Quote(text=s.text, segment_ids=(s.segment_id,)) for s in said),
                    confidence=1.0,
                )
                for one in rubric.competencies
            ]
        return CompetencyFindings(competencies=tuple(found), call=CALL)

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        self.calls.append("summary")
        text = " ".join(s.text for s in candidate_sentences(transcript)[:2])
        return SummaryFinding(text=text, confidence=1.0, call=CALL)
