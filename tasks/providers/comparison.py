"""Comparing speech providers on one recording."""

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
    """How one provider did.

    Attributes:
        provider: Its name.
        seconds: How long it took.
        duration: Seconds of the recording.
        error: What went wrong; None where it answered.
        transcript: What it heard; None where it did not answer.
        word_error_rate: Words that are wrong, missing or too many, for each word that was said;
            None without a reference.
    """

    provider: str
    seconds: float
    duration: float
    error: str | None = None
    transcript: Transcript | None = None
    word_error_rate: float | None = None

    @property
    def real_time_factor(self) -> float:
        """Seconds of work for a second of the recording."""
        return self.seconds / self.duration


def compare(
    providers: Sequence[SpeechProvider],
    recording: Path,
    audio: Audio,
    channels: Channels | None,
    reference: str | None,
) -> list[Comparison]:
    """Have providers transcribe a recording, one after the other.

    Args:
        providers: Who.
        recording: A file with the recording.
        audio: What is known of it.
        channels: Who speaks on which channel, where it is known.
        reference: What was said; None where it is not known.

    Raises:
        MissingExtra: There is a reference, and nothing to compare it with.
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
    """Words that are wrong, missing or too many, for each word of the reference.

    The Levenshtein distance of the words (NIST's SCLITE counts so too); case and punctuation count
    for nothing.

    Args:
        reference: What was said.
        heard: What was understood.

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
