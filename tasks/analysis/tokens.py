"""The words of a transcript with their timestamps."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tasks.interviews.transcript import Segment, Speaker, Transcript


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the transcript.

    Attributes:
        text: The word with its punctuation.
        key: The word in lower case without punctuation, used for comparison; empty for punctuation
            alone.
        segment_id: The segment that contains it.
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
    """

    text: str
    key: str
    segment_id: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Turn:
    """Consecutive words of one speaker."""

    speaker: Speaker | None
    tokens: tuple[Token, ...]


def key(word: str) -> str:
    """Normalise a word: lower case, no surrounding punctuation, one kind of apostrophe."""
    folded = unicodedata.normalize("NFKC", word).casefold().replace("\u2019", "'")
    kept = (letter for letter in folded if letter.isalnum() or letter in "'-")
    return "".join(kept).strip("'-")


def turns(transcript: Transcript) -> tuple[Turn, ...]:
    """The turns of a conversation; a single one if speakers are not separated."""
    return tuple(
        Turn(speaker, tuple(token for segment in segments for token in tokens(segment)))
        for speaker, segments in groupby(transcript.segments, key=lambda s: s.speaker)
    )


def tokens(segment: Segment) -> list[Token]:
    """The words of a segment.

    If the provider's words do not match the segment's text one to one, timestamps are interpolated
    over the segment in proportion to the letters.
    """
    texts = segment.text.split()
    if len(texts) == len(segment.words):
        spans = [(word.start, word.end) for word in segment.words]
    else:
        spans = _spread(texts, segment.start, segment.end)
    return [
        Token(text, key(text), segment.id, start, end)
        for text, (start, end) in zip(texts, spans, strict=True)
    ]


def joined(words: Sequence[Token]) -> str:
    """The words as written in the transcript."""
    return " ".join(word.text for word in words)


def _spread(texts: Sequence[str], start: float, end: float) -> list[tuple[float, float]]:
    letters = sum(map(len, texts))
    spans, said = [], 0
    for text in texts:
        begun, said = said, said + len(text)
        spans.append(
            (start + (end - start) * begun / letters, start + (end - start) * said / letters)
        )
    return spans
