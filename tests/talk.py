"""Transcripts of invented conversations, for tests."""

from typing import Any

from tasks.interviews.transcript import Segment, Speaker, Transcript

_SPEAKERS = {"i": Speaker.INTERVIEWER, "c": Speaker.CANDIDATE, "?": None}


def talk(*said: tuple[str, str], **particulars: Any) -> Transcript:
    """A transcript of texts by `i`, `c` or `?`: 0.5 s per word, 1 s between segments."""
    segments, clock = [], 0.0
    for number, (speaker, text) in enumerate(said):
        end = clock + 0.5 * len(text.split())
        segments.append(
            Segment(
                id=number,
                start=clock,
                end=end,
                speaker=_SPEAKERS[speaker],
                text=text,
                confidence=0.9,
            )
        )
        clock = end + 1.0
    given = {"language": "en", "duration": clock, "provider": "whisper", "model": "tiny.en"}
    return Transcript(**{**given, **particulars}, segments=tuple(segments))
