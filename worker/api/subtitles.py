"""Transcripts as subtitles and as plain text.

Written by hand because the subtitle libraries treat braces and angle brackets in speech as markup.
"""

import html

from tasks.interviews.transcript import Segment, Transcript


def srt(transcript: Transcript) -> str:
    """The transcript in the SubRip format."""
    return "".join(
        f"{number}\n{_time(s.start, ',')} --> {_time(s.end, ',')}\n{_line(s)}\n\n"
        for number, s in enumerate(transcript.segments, start=1)
    )


def vtt(transcript: Transcript) -> str:
    """The transcript in the WebVTT format (W3C), with a voice span for each known speaker."""
    return "WEBVTT\n\n" + "".join(
        f"{_time(s.start, '.')} --> {_time(s.end, '.')}\n{_voice(s)}\n\n"
        for s in transcript.segments
    )


def text(transcript: Transcript) -> str:
    """The transcript as plain text, one line per segment."""
    return "".join(f"{_line(segment)}\n" for segment in transcript.segments)


def _line(segment: Segment) -> str:
    said = _one_line(segment)
    return f"{segment.speaker.capitalize()}: {said}" if segment.speaker else said


def _voice(segment: Segment) -> str:
    said = html.escape(_one_line(segment), quote=False)
    return f"<v {segment.speaker.capitalize()}>{said}" if segment.speaker else said


def _one_line(segment: Segment) -> str:
    return " ".join(segment.text.split())


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"
