"""Providers whose every answer is announced."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from tasks.analysis.findings import CompetencyFindings, ModelCall, SentimentFinding, SummaryFinding
from tasks.analysis.report import Report
from tasks.analysis.rubric import Rubric
from tasks.context import bound_context
from tasks.errors import STALE
from tasks.interviews.interview import AnalysisType, Audio, Channels
from tasks.interviews.people import Interval, Person
from tasks.interviews.transcript import Transcript
from tasks.ports import (
    CalendarProvider,
    LanguageProvider,
    Meeting,
    Progress,
    SpeechProvider,
)
from tasks.signals import (
    AnalysisEnded,
    CalendarCalled,
    TranscriptionEnded,
    analysis_ended,
    calendar_called,
    stopwatch,
    transcription_ended,
)


class _Answer(Protocol):
    @property
    def call(self) -> ModelCall: ...


A = TypeVar("A", bound=_Answer)


class InstrumentedSpeech:
    """A `SpeechProvider` that asks another one, and announces what came of it."""

    def __init__(self, provider: SpeechProvider) -> None:
        self._provider = provider
        self.name = provider.name

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        """See `SpeechProvider.transcribe`."""
        seconds = stopwatch()
        status, transcript = "error", None
        try:
            with bound_context(provider=self.name):
                transcript = self._provider.transcribe(recording, audio, channels, progress)
            status = "success"
        except STALE:
            status = "unwanted"
            raise
        finally:
            transcription_ended.send(
                TranscriptionEnded(self.name, status, audio, seconds(), transcript)
            )
        return transcript


class InstrumentedLanguage:
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
            with bound_context(provider=self.name):
                answer = question()
            call = answer.call
        finally:
            analysis_ended.send(AnalysisEnded(part, self.name, seconds(), call))
        return answer


class InstrumentedCalendar:
    """A `CalendarProvider` that calls another one, and announces what came of it."""

    def __init__(self, provider: CalendarProvider) -> None:
        self._provider = provider
        self.name = provider.name

    def ping(self) -> None:
        """See `CalendarProvider.ping`; no use is made of the calendar, so nothing is announced."""
        self._provider.ping()

    def calendar_of(self, person: Person) -> str:
        """See `CalendarProvider.calendar_of`; asks nobody, and so announces nothing."""
        return self._provider.calendar_of(person)

    def busy(
        self, calendar: str, window: Interval, *, zone: str, exclude: str
    ) -> Sequence[Interval]:
        """See `CalendarProvider.busy`."""
        with self._instrumented():
            return self._provider.busy(calendar, window, zone=zone, exclude=exclude)

    def book(self, calendars: Sequence[str], meeting: Meeting) -> int:
        """See `CalendarProvider.book`."""
        with self._instrumented():
            return self._provider.book(calendars, meeting)

    def cancel(self, calendars: Sequence[str], uid: str) -> None:
        """See `CalendarProvider.cancel`."""
        with self._instrumented():
            self._provider.cancel(calendars, uid)

    def invitation(self, meeting: Meeting, sequence: int) -> str:
        """See `CalendarProvider.invitation`; asks nobody, and so announces nothing."""
        return self._provider.invitation(meeting, sequence)

    @contextmanager
    def _instrumented(self) -> Iterator[None]:
        succeeded = False
        try:
            with bound_context(provider=self.name):
                yield
            succeeded = True
        finally:
            calendar_called.send(CalendarCalled(self.name, succeeded))


def confidences(report: Report) -> Iterator[tuple[AnalysisType, float]]:
    """The confidence of each part of a report; of the competencies, their mean."""
    if report.sentiment is not None:
        yield AnalysisType.SENTIMENT, report.sentiment.confidence
    if report.competencies:
        scores = [one.confidence for one in report.competencies]
        yield AnalysisType.COMPETENCY, sum(scores) / len(scores)
    if report.overall is not None:
        yield AnalysisType.OVERALL, report.overall.confidence
