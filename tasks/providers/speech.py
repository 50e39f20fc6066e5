"""Calls speech providers: fallback, retries and instrumentation in one place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from tasks.context import bound_context
from tasks.errors import STALE, InterviewWorkerError
from tasks.interviews.interview import Audio, Channels, Stage
from tasks.interviews.transcript import Transcript
from tasks.ports import Progress, SpeechProvider
from tasks.providers.chain import ProviderChain, RetryPolicy, admit_all, call_once
from tasks.signals import TranscriptionEnded, stopwatch, transcription_ended


class SpeechProviders(SpeechProvider):
    """Several speech providers as one.

    Every attempt, failed or not, sends `transcription_ended`.

    Args:
        providers: The providers, in the order in which they are called.
        retry: Calls each of them.
        admit: Raises `Unusable` if a provider must not be called.
    """

    def __init__(
        self,
        providers: Sequence[SpeechProvider],
        retry: RetryPolicy = call_once,
        admit: Callable[[str], None] = admit_all,
    ) -> None:
        self._chain = ProviderChain(providers, retry, admit)

    @property
    @override
    def name(self) -> str:
        return self._chain.name

    @override
    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        reporter = _ProgressReporter(progress)

        def request(provider: SpeechProvider) -> Transcript:
            with _instrumented(provider.name, audio) as attempt:
                transcript = provider.transcribe(recording, audio, channels, reporter)
                attempt.transcript = transcript
            return transcript

        def uninterrupted(provider: SpeechProvider) -> Transcript:
            try:
                return request(provider)
            except InterviewWorkerError as error:
                if error is reporter.error:
                    raise _InterruptedError from error
                raise

        try:
            transcript, first = self._chain.call(Stage.TRANSCRIBE, uninterrupted)
        except _InterruptedError as interrupted:
            raise (reporter.error or interrupted) from interrupted.__cause__
        return transcript.model_copy(update={"fallback_from": first}) if first else transcript


@dataclass(slots=True)
class _Attempt:
    transcript: Transcript | None = None


@contextmanager
def _instrumented(provider: str, audio: Audio) -> Iterator[_Attempt]:
    seconds = stopwatch()
    attempt, status = _Attempt(), "error"
    try:
        with bound_context(provider=provider):
            yield attempt
        status = "success"
    except STALE:
        status = "unwanted"
        raise
    finally:
        transcription_ended.send(
            TranscriptionEnded(provider, status, audio, seconds(), attempt.transcript)
        )


class _ProgressReporter:
    """Reports progress, and stores the error of a failed report, which is not the provider's."""

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
    """A progress report failed. Its error is raised to the caller, without a fallback."""
