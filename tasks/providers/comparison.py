"""Comparison of speech providers on one recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InterviewWorkerError, MissingExtra
from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Transcript
from tasks.ports import SpeechProvider
from tasks.signals import stopwatch


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of one provider.

    Attributes:
        provider: The provider's name.
        seconds: The duration of the call.
        duration: The duration of the recording, in seconds.
        error: The error message; None if the call succeeded.
        transcript: The transcript; None if the call failed.
        word_error_rate: The word error rate; None without a reference.
    """

    provider: str
    seconds: float
    duration: float
    error: str | None = None
    transcript: Transcript | None = None
    word_error_rate: float | None = None

    @property
    def real_time_factor(self) -> float:
        """Processing time per second of the recording."""
        return self.seconds / self.duration


def compare(
    providers: Sequence[SpeechProvider],
    recording: Path,
    audio: Audio,
    channels: Channels | None,
    reference: str | None,
) -> list[Comparison]:
    """Transcribe a recording with several providers, one after the other.

    Args:
        providers: The providers.
        recording: A file with the recording.
        audio: The properties of the recording.
        channels: The speaker on each channel, if known.
        reference: The correct text; None if it is not known.

    Raises:
        MissingExtra: A reference is given, but jiwer is not installed.
    """
    return [_one(provider, recording, audio, channels, reference) for provider in providers]


def _one(
    provider: SpeechProvider,
    recording: Path,
    audio: Audio,
    channels: Channels | None,
    reference: str | None,
) -> Comparison:
    seconds = stopwatch()
    try:
        heard = provider.transcribe(recording, audio, channels, lambda _: None)
    except InterviewWorkerError as error:
        return Comparison(provider.name, seconds(), audio.duration, error=error.message)
    rate = None if reference is None else word_error_rate(reference, heard.text)
    return Comparison(
        provider.name, seconds(), audio.duration, transcript=heard, word_error_rate=rate
    )


def word_error_rate(reference: str, heard: str) -> float:
    """Return the word error rate: substitutions, deletions and insertions per reference word.

    This is the Levenshtein distance in words, as in NIST's SCLITE. Case and punctuation are
    ignored.

    Args:
        reference: The correct text.
        heard: The recognised text.

    Raises:
        MissingExtra: jiwer is not installed.
    """
    try:
        import jiwer
    except ModuleNotFoundError as error:
        raise MissingExtra.of("a comparison with a reference", "compare") from error
    plain = jiwer.Compose(
        [
            jiwer.SubstituteRegexes({r"[-\u2013\u2014]": " ", r"\u2019": "'"}),
            jiwer.ToLowerCase(),
            jiwer.SubstituteRegexes({r"[^\w\s']": ""}),
            jiwer.RemoveMultipleSpaces(),
            jiwer.Strip(),
            jiwer.ReduceToListOfListOfWords(),
        ]
    )
    rate: float = jiwer.wer(reference, heard, reference_transform=plain, hypothesis_transform=plain)
    return rate
