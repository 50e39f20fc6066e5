"""Delivery: talk ratio, pace, pauses and filler words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from tasks.analysis.report import Delivery
from tasks.analysis.sentences import speakers_known
from tasks.analysis.tokens import key
from tasks.interviews.transcript import Segment, Speaker, Transcript

FILLERS = (
    ("um",),
    ("umm",),
    ("uh",),
    ("uhm",),
    ("er",),
    ("erm",),
    ("hmm",),
    ("you", "know"),
    ("i", "mean"),
    ("sort", "of"),
    ("kind", "of"),
    ("basically",),
    ("literally",),
)
"""English. Words such as `like` and `so`, which usually carry meaning, are excluded."""


def delivery(transcript: Transcript, confidence: float) -> Delivery:
    """Measure a conversation.

    Args:
        transcript: The transcript, in any language; only English fillers are counted.
        confidence: Confidence in the transcript's words and speakers, from 0 to 1.

    Returns:
        The measurements. Those of a speaker are None if speakers are not separated or the candidate
        said nothing.
    """
    known = speakers_known(transcript)
    segments = transcript.segments
    candidate = [s for s in segments if s.speaker is Speaker.CANDIDATE]
    minutes = _speaking_time(candidate) / 60
    fillers = count_fillers(segment.text for segment in candidate)
    return Delivery(
        talk_ratio=_talk_ratio(segments) if known else None,
        wpm=_rate(sum(_words(segment.text) for segment in candidate), minutes),
        fillers_per_min=_rate(sum(fillers.values()), minutes),
        filler_words=dict(fillers) if candidate else None,
        longest_monologue_ms=_longest_turn(segments, Speaker.CANDIDATE),
        longest_pause_ms=_longest_pause(segments),
        confidence=round(confidence, 2),
    )


def count_fillers(texts: Iterable[str]) -> Counter[str]:
    """Count each filler word in the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = [word for word in map(key, text.split()) if word]
        for filler in FILLERS:
            size = len(filler)
            found = sum(tuple(words[i : i + size]) == filler for i in range(len(words)))
            if found:
                counts[" ".join(filler)] += found
    return counts


def _words(text: str) -> int:
    return sum(1 for word in text.split() if key(word))


def _speaking_time(segments: Iterable[Segment]) -> float:
    return sum(max(0.0, segment.end - segment.start) for segment in segments)


def _rate(count: int, minutes: float) -> float | None:
    return round(count / minutes, 1) if minutes else None


def _talk_ratio(segments: Sequence[Segment]) -> dict[Speaker, float] | None:
    total = _speaking_time(s for s in segments if s.speaker is not None)
    if not total:
        return None
    return {
        speaker: round(_speaking_time(s for s in segments if s.speaker is speaker) / total, 3)
        for speaker in Speaker
    }


def _longest_turn(segments: Sequence[Segment], speaker: Speaker) -> int | None:
    grouped = groupby(segments, key=lambda s: s.speaker)
    turns = [list(turn) for who, turn in grouped if who is speaker]
    lengths = [max(s.end for s in turn) - turn[0].start for turn in turns]
    return milliseconds(max(lengths)) if lengths else None


def _longest_pause(segments: Sequence[Segment]) -> int | None:
    if len(segments) < 2:
        return None
    longest, silent_since = 0.0, segments[0].end
    for segment in segments[1:]:
        longest = max(longest, segment.start - silent_since)
        silent_since = max(silent_since, segment.end)
    return milliseconds(longest)


def milliseconds(seconds: float) -> int:
    """Convert seconds to whole milliseconds."""
    return round(seconds * 1000)
