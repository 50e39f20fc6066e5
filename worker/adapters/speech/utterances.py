"""Segmentation of words into utterances."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

_PAUSE = 1.0
"""Seconds without a word that end a segment.

Recognisers' own segments continue across pauses. If each speaker has a channel, a pause is usually
the other speaker's turn.
"""


class _Timed(Protocol):
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


W = TypeVar("W", bound=_Timed)


def utterances(words: Sequence[W]) -> Iterable[Sequence[W]]:
    """Split words at pauses."""
    starts = [
        index for index, (one, two) in enumerate(pairwise(words), 1) if two.start - one.end > _PAUSE
    ]
    return [words[first:last] for first, last in pairwise([0, *starts, len(words)])]
