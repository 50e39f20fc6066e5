"""The words of a transcript, each with the moment at which it was said."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tasks.interviews.transcript import Segment, Speaker, Transcript


@dataclass(frozen=True, slots=True)
class Token:
    """A word as it stands in the transcript.

    Attributes:
        text: The word with its punctuation.
        key: The word in lower case without punctuation, by which words are compared; empty where
            there is nothing but punctuation.
        segment_id: The segment it stands in.
        start: Seconds from the start of the recording.
        end: The same.
    """

    text: str
    key: str
    segment_id: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said until another spoke."""

    speaker: Speaker | None
    tokens: tuple[Token, ...]


def key(word: str) -> str:
    """A word in lower case, without punctuation around it and with one kind of apostrophe."""
    folded = unicodedata.normalize("NFKC", word).casefold().replace("\u2019", "'")
    kept = (letter for letter in folded if letter.isalnum() or letter in "'-")
    return "".join(kept).strip("'-")


def turns(transcript: Transcript) -> tuple[Turn, ...]:
    """The turns of a conversation; a single one where speakers are not told apart."""
    return tuple(
        Turn(speaker, tuple(token for segment in segments for token in tokens(segment)))
        for speaker, segments in groupby(transcript.segments, key=lambda s: s.speaker)
    )


def tokens(segment: Segment) -> list[Token]:
    """The words of a segment.

    Where the provider's words do not match the segment's text one by one, moments are spread over
    the segment in proportion to the letters.
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
    """The words as they stand in the transcript."""
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
