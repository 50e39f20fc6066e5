"""Checking quotes against the transcript.

A provider claims that the candidate said something; only what is found among the candidate's words
counts. The quote that is shown is always the transcript's own wording.
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
"""Words. Shorter quotes are found anywhere and show nothing."""
MAX_WORDS = 400
"""Words. A longer quote is a retelling, no evidence."""
MIN_SIMILARITY = 0.8
"""The least similarity of a repaired quote to what was said (Ratcliff & Obershelp 1988)."""

_NEGATIONS = frozenset({"no", "not", "never", "none", "nobody", "nothing", "without", "cannot"})


class QuoteMatch(StrEnum):
    """How a provider's quote compares with the transcript."""

    EXACT = "exact"
    """Word by word, case and punctuation aside."""
    REPAIRED = "repaired"
    """Almost; the transcript's words were put in its place."""
    UNVERIFIED = "unverified"
    """It was not said by the candidate, and does not count."""


@dataclass(frozen=True, slots=True)
class Quotation:
    """A quote, and where it stands.

    Attributes:
        match: How it compares.
        text: The transcript's words; those of the provider where it is unverified.
        tokens: The words in the transcript; empty where it is unverified.
        speaker: Who said it, where that is known.
    """

    match: QuoteMatch
    text: str
    tokens: tuple[Token, ...] = ()
    speaker: Speaker | None = None


@dataclass(frozen=True, slots=True)
class _Passage:
    """Sentences that were said in one go: a quote may run on from one to the next."""

    tokens: tuple[Token, ...]
    keys: tuple[str, ...]
    speaker: Speaker | None


class Quotes:
    """Finds quotes among sentences.

    Args:
        sentences: The candidate's sentences, in their order.
    """

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        # Tokens without a key are punctuation, which is no matter of comparison.
        self._passages = [
            _passage(list(group)) for _, group in groupby(sentences, key=lambda s: s.turn)
        ]

    def find(self, quote: str, segment_ids: Sequence[int] = ()) -> Quotation:
        """Look for a quote.

        Args:
            quote: What the candidate is claimed to have said.
            segment_ids: Where it is claimed to stand; decides between several places.
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
    """The passage's best stretch of words, if it is similar enough."""
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
    """How often something is denied: one word more or less turns the meaning round."""
    return sum(word in _NEGATIONS or word.endswith("n't") for word in words)
