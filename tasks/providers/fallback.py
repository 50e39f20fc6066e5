"""Providers that stand in for each other.

Each is asked with patience, then the next one. What is wrong with the question itself is raised at
once: the next provider would say the same, or hide it.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from tasks.analysis.findings import CompetencyFindings, SentimentFinding, SummaryFinding
from tasks.analysis.rubric import Rubric
from tasks.errors import InterviewWorkerError, Transient, Unusable
from tasks.interviews.interview import AnalysisType, Audio, Channels, Stage
from tasks.interviews.transcript import Transcript
from tasks.lease import check_lease
from tasks.ports import LanguageProvider, Progress, SpeechProvider
from tasks.signals import ProviderFallback, provider_fallback

log = logging.getLogger(__name__)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


A = TypeVar("A")
P = TypeVar("P", bound=_Named)
F = TypeVar("F", SentimentFinding, CompetencyFindings, SummaryFinding)


class RetryPolicy(Protocol):
    """Asks a provider, and asks it again for as long as that may help."""

    def __call__(self, provider: str, question: Callable[[], A]) -> A:
        """Ask.

        Args:
            provider: The provider's name.
            question: What to ask; it may be called several times.

        Raises:
            Transient, Permanent: What came of the last time.
        """


class ProviderFailures:
    """What went wrong with the providers that were asked so far.

    Args:
        work: What they were asked for.
    """

    def __init__(self, work: Stage | AnalysisType) -> None:
        self._work = work
        self._errors: list[tuple[str, InterviewWorkerError]] = []

    @property
    def first(self) -> str | None:
        """The provider that failed first; None where none did."""
        return self._errors[0][0] if self._errors else None

    @property
    def any_transient(self) -> bool:
        """Whether one of them may answer at another time."""
        return any(isinstance(error, Transient) for _, error in self._errors)

    def add(self, provider: str, error: InterviewWorkerError) -> None:
        """Note that a provider has failed."""
        log.warning("%s: %s cannot be used: %s (%s)", self._work, provider, error, error.code)
        self._errors.append((provider, error))

    def announce_fallback(self, provider: str) -> None:
        """Announce that a provider is next, where others have failed."""
        if self._errors:
            provider_fallback.send(ProviderFallback(self._work, self._errors[-1][0], provider))

    def combined(self) -> InterviewWorkerError:
        """The one error that stands for all of them: transient where one of them may pass."""
        if not self._errors:
            return Unusable(f"there is nobody to ask for {self._work}")
        transient = [error for _, error in self._errors if isinstance(error, Transient)]
        if len(self._errors) == 1 or not transient:
            return self._errors[-1][1]
        waits = [error.retry_after for error in transient if error.retry_after is not None]
        # Whoever names no time may be asked as soon as anybody.
        soonest = min(waits) if len(waits) == len(transient) else None
        error = Transient(transient[-1].message, code=transient[-1].code, retry_after=soonest)
        error.__cause__ = transient[-1]
        return error


class ProviderChain(Generic[P]):
    """Providers of one kind, in the order in which they are asked.

    Args:
        providers: The providers.
        retry: How often, and for how long, each of them is asked.
        admit: Called with a provider's name before it is asked; raises `Unusable` where it must
            not be.
    """

    def __init__(
        self,
        providers: Sequence[P],
        retry: RetryPolicy,
        admit: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.providers = tuple(providers)
        self._retry = retry
        self._admit = admit

    @property
    def name(self) -> str:
        """The names of all of them."""
        return ",".join(provider.name for provider in self.providers)

    def ask(
        self,
        work: Stage | AnalysisType,
        question: Callable[[P], A],
        supports: Callable[[P], bool] = lambda _: True,
    ) -> tuple[A, str | None]:
        """Ask one after the other, until one answers.

        Args:
            work: What is asked for.
            question: Asks one of them.
            supports: Whether one of them can be asked this at all.

        Returns:
            The answer, and the provider that was asked first where that is another one.

        Raises:
            Transient: None of them answered, and one of them may later.
            Permanent: The question is at fault; or none of them can be used.
        """
        failures = ProviderFailures(work)
        for provider in filter(supports, self.providers):
            check_lease()
            failures.announce_fallback(provider.name)
            try:
                self._admit(provider.name)
                answer = self._retry(provider.name, partial(question, provider))
            except (Transient, Unusable) as error:
                failures.add(provider.name, error)
            else:
                return answer, failures.first
        raise failures.combined()


class FallbackSpeech:
    """A `SpeechProvider` that asks several, one after the other."""

    def __init__(self, chain: ProviderChain[SpeechProvider]) -> None:
        self._chain = chain
        self.name = chain.name

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        """See `SpeechProvider.transcribe`."""
        reporting = _ProgressRelay(progress)

        def question(provider: SpeechProvider) -> Transcript:
            try:
                return provider.transcribe(recording, audio, channels, reporting)
            except InterviewWorkerError as error:
                if error is reporting.error:
                    raise _InterruptedError from error
                raise

        try:
            transcript, first = self._chain.ask(Stage.TRANSCRIBE, question)
        except _InterruptedError as interrupted:
            raise (reporting.error or interrupted) from interrupted.__cause__
        return transcript.model_copy(update={"fallback_from": first}) if first else transcript


class FallbackLanguage:
    """A `LanguageProvider` that asks several, one after the other, each question for itself.

    Who does not understand the language of a transcript is not asked about it.
    """

    def __init__(self, chain: ProviderChain[LanguageProvider]) -> None:
        self._chain = chain
        self.name = chain.name

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages that one of them understands; None for any."""
        known: set[str] = set()
        for provider in self._chain.providers:
            if provider.languages is None:
                return None
            known |= provider.languages
        return frozenset(known)

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        """See `LanguageProvider.sentiment`."""
        return self._ask(AnalysisType.SENTIMENT, transcript, lambda one: one.sentiment(transcript))

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        """See `LanguageProvider.competencies`."""
        return self._ask(
            AnalysisType.COMPETENCY, transcript, lambda one: one.competencies(transcript, rubric)
        )

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        """See `LanguageProvider.summarise`."""
        return self._ask(AnalysisType.OVERALL, transcript, lambda one: one.summarise(transcript))

    def _ask(
        self, part: AnalysisType, transcript: Transcript, question: Callable[[LanguageProvider], F]
    ) -> F:
        def understands(provider: LanguageProvider) -> bool:
            known, language = provider.languages, transcript.language
            return known is None or language is None or language in known

        finding, first = self._chain.ask(part, question, understands)
        if first is None:
            return finding
        call = finding.call.model_copy(update={"fallback_from": first})
        return finding.model_copy(update={"call": call})


class _ProgressRelay:
    """Reports progress, and remembers what came of it: that is no fault of the provider's."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.error: InterviewWorkerError | None = None

    def __call__(self, percent: float) -> None:
        try:
            self._progress(percent)
        except InterviewWorkerError as error:
            self.error = error
            raise


class _InterruptedError(Exception):
    """A report of progress failed, so whoever asked for the work must know, and nobody else."""
