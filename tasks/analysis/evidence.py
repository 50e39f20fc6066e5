"""Verification of a provider's quotes against the transcript.

A quote counts only if it is found among the candidate's words. The report always shows the
transcript's wording, not the provider's.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import accumulate, groupby

from tasks.analysis.sentences import Sentence
from tasks.analysis.tokens import Token, joined, key
from tasks.interviews.transcript import Speaker

MIN_WORDS = 3
"""Words. Shorter quotes match almost anywhere and prove nothing."""
MAX_WORDS = 400
"""Words. A longer quote is a paraphrase of the interview rather than evidence."""
MIN_SIMILARITY = 0.8
"""Minimum similarity of a repaired quote to the transcript (Ratcliff & Obershelp 1988)."""

_NEGATIONS = frozenset({"no", "not", "never", "none", "nobody", "nothing", "without", "cannot"})


class QuoteMatch(StrEnum):
    """The result of comparing a provider's quote with the transcript."""

    EXACT = "exact"
    """Identical word for word, ignoring case and punctuation."""
    REPAIRED = "repaired"
    """Similar; replaced by the transcript's words."""
    UNVERIFIED = "unverified"
    """Not said by the candidate; ignored."""


@dataclass(frozen=True, slots=True)
class Quotation:
    """A quote and its position in the transcript.

    Attributes:
        match: The result of the comparison.
        text: The transcript's words, or the provider's if unverified.
        tokens: The words in the transcript; empty if unverified.
        speaker: The speaker, if known.
    """

    match: QuoteMatch
    text: str
    tokens: tuple[Token, ...] = ()
    speaker: Speaker | None = None


@dataclass(frozen=True, slots=True)
class _Passage:
    """Consecutive sentences without an interruption; a quote may span several of them."""

    tokens: tuple[Token, ...]
    keys: tuple[str, ...]
    speaker: Speaker | None


class Quotes:
    """Finds quotes among sentences.

    Args:
        sentences: The candidate's sentences, in order.
    """

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        # Tokens without a key are punctuation, which is not compared.
        self._passages = [
            _passage(list(group)) for _, group in groupby(sentences, key=lambda s: s.turn)
        ]

    def find(self, quote: str, segment_ids: Sequence[int] = ()) -> Quotation:
        """Look up a quote.

        Args:
            quote: The quote that the provider attributes to the candidate.
            segment_ids: The segments that the provider gave; used to choose between several
                matches.
        """
        wanted = [word for word in map(key, quote.split()) if word]
        if MIN_WORDS <= len(wanted) <= MAX_WORDS:
            exact = self._exact(wanted, segment_ids)
            if exact is not None:
                return exact
            best = max(
                (found for passage in self._passages for found in _similar(passage, wanted)),
                key=lambda found: found[0],
                default=None,
            )
            if best is not None:
                return best[1]
        return Quotation(QuoteMatch.UNVERIFIED, quote)

    def _exact(self, wanted: Sequence[str], segment_ids: Sequence[int]) -> Quotation | None:
        places = (place for passage in self._passages for place in _exact(passage, wanted))
        first = next(places, None)
        if first is None or not segment_ids or first.tokens[0].segment_id in segment_ids:
            return first
        return next((p for p in places if p.tokens[0].segment_id in segment_ids), first)


def _passage(sentences: Sequence[Sentence]) -> _Passage:
    tokens = tuple(token for sentence in sentences for token in sentence.tokens if token.key)
    return _Passage(tokens, tuple(token.key for token in tokens), sentences[0].speaker)


def _exact(passage: _Passage, wanted: Sequence[str]) -> Iterator[Quotation]:
    text, needle = f" {' '.join(passage.keys)} ", f" {' '.join(wanted)} "
    starts = [0, *accumulate(len(word) + 1 for word in passage.keys)]
    position = text.find(needle)
    while position >= 0:
        first = bisect_right(starts, position) - 1
        span = passage.tokens[first : first + len(wanted)]
        yield Quotation(QuoteMatch.EXACT, joined(span), span, passage.speaker)
        position = text.find(needle, position + 1)


def _similar(passage: _Passage, wanted: Sequence[str]) -> list[tuple[float, Quotation]]:
    """The passage's most similar stretch of words, if similar enough."""
    matcher = SequenceMatcher(None, passage.keys, wanted, autojunk=False)
    anchor = matcher.find_longest_match()
    reach = len(wanted) // 4
    low = max(0, anchor.a - anchor.b - reach)
    matcher.set_seq1(passage.keys[low : anchor.a - anchor.b + len(wanted) + reach])
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    if not blocks:
        return []
    first, last = low + blocks[0].a, low + blocks[-1].a + blocks[-1].size
    span = passage.tokens[first:last]
    similarity = 2 * sum(block.size for block in blocks) / (len(wanted) + len(span))
    if similarity < MIN_SIMILARITY or _negations(wanted) != _negations(passage.keys[first:last]):
        return []
    return [(similarity, Quotation(QuoteMatch.REPAIRED, joined(span), span, passage.speaker))]


def _negations(words: Sequence[str]) -> int:
    """The number of negations: one more or less reverses the meaning."""
    return sum(word in _NEGATIONS or word.endswith("n't") for word in words)
