"""A language provider whose every answer is announced."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from tasks.findings import CompetencyFindings, ModelCall, SentimentFinding, SummaryFinding
from tasks.interview import AnalysisType
from tasks.ports import LanguageProvider
from tasks.report import Report
from tasks.rubric import Rubric
from tasks.signals import AnalysisEnded, analysis_ended, stopwatch
from tasks.transcript import Transcript


class _Answer(Protocol):
    @property
    def call(self) -> ModelCall: ...


A = TypeVar("A", bound=_Answer)


class AnnouncedLanguage:
    """A `LanguageProvider` that asks another one, and announces what came of it."""

    def __init__(self, provider: LanguageProvider) -> None:
        self._provider = provider
        self.name = provider.name
        self.languages = provider.languages

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        """See `LanguageProvider.sentiment`."""
        return self._ask(AnalysisType.SENTIMENT, lambda: self._provider.sentiment(transcript))

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        """See `LanguageProvider.competencies`."""
        return self._ask(
            AnalysisType.COMPETENCY, lambda: self._provider.competencies(transcript, rubric)
        )

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        """See `LanguageProvider.summarise`."""
        return self._ask(AnalysisType.OVERALL, lambda: self._provider.summarise(transcript))

    def _ask(self, part: AnalysisType, question: Callable[[], A]) -> A:
        seconds = stopwatch()
        call = None
        try:
            answer = question()
            call = answer.call
        finally:
            analysis_ended.send(AnalysisEnded(part, self.name, seconds(), call))
        return answer


def confidences(report: Report) -> Iterator[tuple[AnalysisType, float]]:
    """The confidence of each part of a report; of the competencies, their mean."""
    if report.sentiment is not None:
        yield AnalysisType.SENTIMENT, report.sentiment.confidence
    if report.competencies:
        scores = [one.confidence for one in report.competencies]
        yield AnalysisType.COMPETENCY, sum(scores) / len(scores)
    if report.overall is not None:
        yield AnalysisType.OVERALL, report.overall.confidence
