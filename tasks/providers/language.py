"""Calls language providers: masking, fallback, retries and instrumentation in one place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

from typing_extensions import override

from tasks.analysis.findings import CompetencyFindings, ModelCall, SentimentFinding, SummaryFinding
from tasks.analysis.rubric import Rubric
from tasks.context import bound_context
from tasks.interviews.interview import AnalysisType
from tasks.interviews.transcript import Transcript
from tasks.ports import LanguageProvider
from tasks.providers.chain import ProviderChain, RetryPolicy, admit_all, call_once
from tasks.providers.masking import Mask, masked_transcript, unmasked_competencies
from tasks.signals import AnalysisEnded, analysis_ended, stopwatch

F = TypeVar("F", SentimentFinding, CompetencyFindings, SummaryFinding)


class LanguageProviders(LanguageProvider):
    """Several language providers as one.

    Each part of the analysis falls back independently. A provider that does not support the
    language of a transcript is skipped. Every attempt, failed or not, sends `analysis_ended`.

    Args:
        providers: The providers, in the order in which they are called.
        retry: Calls each of them.
        admit: Raises `Unusable` if a provider must not be called.
        mask: Masks personal data in the transcripts that providers read, and restores it in their
            findings; None to send transcripts unmasked.
    """

    def __init__(
        self,
        providers: Sequence[LanguageProvider],
        retry: RetryPolicy = call_once,
        admit: Callable[[str], None] = admit_all,
        *,
        mask: Mask | None = None,
    ) -> None:
        self._chain = ProviderChain(providers, retry, admit)
        self._mask = mask

    @property
    @override
    def name(self) -> str:
        return self._chain.name

    @property
    @override
    def languages(self) -> frozenset[str] | None:
        supported: set[str] = set()
        for provider in self._chain.providers:
            if provider.languages is None:
                return None
            supported |= provider.languages
        return frozenset(supported)

    def masked(self, mask: Mask) -> Self:
        """The same providers with a mask for one interview."""
        chain = self._chain
        return type(self)(chain.providers, chain.retry, chain.admit, mask=mask)

    @override
    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        return self._call(
            AnalysisType.SENTIMENT, transcript, lambda provider, text: provider.sentiment(text)
        )

    @override
    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        findings = self._call(
            AnalysisType.COMPETENCY,
            transcript,
            lambda provider, text: provider.competencies(text, rubric),
        )
        return unmasked_competencies(findings, self._mask) if self._mask else findings

    @override
    def summarise(self, transcript: Transcript) -> SummaryFinding:
        finding = self._call(
            AnalysisType.OVERALL, transcript, lambda provider, text: provider.summarise(text)
        )
        if self._mask is None:
            return finding
        return finding.model_copy(update={"text": self._mask.reveal(finding.text)})

    def _call(
        self,
        part: AnalysisType,
        transcript: Transcript,
        request: Callable[[LanguageProvider, Transcript], F],
    ) -> F:
        text = masked_transcript(transcript, self._mask) if self._mask else transcript

        def instrumented(provider: LanguageProvider) -> F:
            with _instrumented(part, provider.name) as attempt:
                finding = request(provider, text)
                attempt.call = finding.call
            return finding

        def supports(provider: LanguageProvider) -> bool:
            languages, language = provider.languages, transcript.language
            return languages is None or language is None or language in languages

        finding, first = self._chain.call(part, instrumented, supports)
        if first is None:
            return finding
        call = finding.call.model_copy(update={"fallback_from": first})
        return finding.model_copy(update={"call": call})


@dataclass(slots=True)
class _Attempt:
    call: ModelCall | None = None


@contextmanager
def _instrumented(part: AnalysisType, provider: str) -> Iterator[_Attempt]:
    seconds, attempt = stopwatch(), _Attempt()
    try:
        with bound_context(provider=provider):
            yield attempt
    finally:
        analysis_ended.send(AnalysisEnded(part, provider, seconds(), attempt.call))
