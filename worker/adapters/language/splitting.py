"""Splitting of transcripts that are too long for a model."""

from collections.abc import Iterator

from tasks.interviews.transcript import Segment, Transcript

_BYTES_A_TOKEN = 2.5
"""English has four or more, other languages fewer; a low value results in more, smaller parts."""

_AROUND = 40
"""Bytes that a segment needs in addition to its text."""


def tokens_in(text: str) -> int:
    """Return an upper estimate of the tokens in a text, from its length."""
    return int(len(text.encode()) / _BYTES_A_TOKEN) + 1


def parts(transcript: Transcript, tokens: int) -> Iterator[tuple[Segment, ...]]:
    """Split a transcript between segments.

    Args:
        transcript: The transcript.
        tokens: The maximum size of a part. A longer segment becomes a part by itself.

    Yields:
        At least one part; a transcript without speech has one empty part.
    """
    room = tokens * _BYTES_A_TOKEN
    part: list[Segment] = []
    size = 0
    for segment in transcript.segments:
        more = len(segment.text.encode()) + _AROUND
        if part and size + more > room:
            yield tuple(part)
            part, size = [], 0
        part.append(segment)
        size += more
    yield tuple(part)
