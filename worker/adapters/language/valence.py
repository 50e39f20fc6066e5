"""Sentiment of texts by the VADER lexicon, whose data is part of its wheel."""

from collections.abc import Mapping
from statistics import fmean
from typing import Protocol

from tasks.analysis.findings import ModelCall, SegmentSentiment, SentimentFinding
from tasks.analysis.sentences import split
from tasks.analysis.tokens import joined, tokens
from tasks.errors import MissingExtra
from tasks.interviews.transcript import Segment, Transcript

MODEL = "vader"
CEILING = 0.7
"""The maximum confidence, low because a lexicon scores words without their context."""


class Valence(Protocol):
    """The part of VADER's analyser that is used here."""

    def polarity_scores(self, text: str) -> Mapping[str, float]:
        """Return the scores of a text; `compound` is from -1 to 1."""


def load_vader() -> Valence:
    """Load the lexicon.

    Raises:
        MissingExtra: The package is not installed.
    """
    try:
        from vader import SentimentIntensityAnalyzer
    except ImportError as error:
        raise MissingExtra.of("the local analysis", "local") from error
    return SentimentIntensityAnalyzer()


def measure_sentiment(transcript: Transcript, valence: Valence) -> SentimentFinding:
    """Return the sentiment of each segment: the mean of its sentences.

    A segment without a word of the lexicon counts as neutral, without evidence. The confidence is
    therefore proportional to the share of words in segments that have such a word.
    """
    scores = {segment.id: _score(segment, valence) for segment in transcript.segments}
    words = {segment.id: len(segment.text.split()) for segment in transcript.segments}
    scored_words = sum(words[name] for name, score in scores.items() if score)
    return SentimentFinding(
        segments=tuple(
            SegmentSentiment(segment_id=name, score=score) for name, score in scores.items()
        ),
        confidence=round(CEILING * scored_words / max(1, sum(words.values())), 2),
        call=ModelCall(provider="local", model=MODEL),
    )


def _score(segment: Segment, valence: Valence) -> float:
    # Scored by sentence: VADER sums over a text, and the sum of a long one saturates at ±1.
    texts = [joined(words) for words in split(tokens(segment))]
    compounds = [valence.polarity_scores(text)["compound"] for text in texts]
    return round(fmean(compounds), 4) if compounds else 0.0
