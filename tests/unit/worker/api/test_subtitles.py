"""Tests of transcripts as subtitles; speech must never be treated as markup."""

from tasks.interviews.transcript import Segment, Speaker, Transcript, Word, weighted_confidence
from worker.api import subtitles


def segment(
    number: int, start: float, end: float, text: str, speaker: Speaker | None = None
) -> Segment:
    return Segment(id=number, start=start, end=end, speaker=speaker, text=text, confidence=0.5)


TRANSCRIPT = Transcript(
    language="en",
    duration=4000,
    provider="whisper",
    model="tiny.en",
    segments=(
        segment(0, 0.5, 3723.25, "a < b {\\i1} & c -->\nd", Speaker.CANDIDATE),
        segment(1, 3724, 3724.9996, "Hi."),
    ),
)


def test_srt() -> None:
    assert subtitles.srt(TRANSCRIPT) == (
        "1\n00:00:00,500 --> 01:02:03,250\nCandidate: a < b {\\i1} & c --> d\n\n"
        "2\n01:02:04,000 --> 01:02:05,000\nHi.\n\n"
    )


def test_vtt() -> None:
    assert subtitles.vtt(TRANSCRIPT) == (
        "WEBVTT\n\n"
        "00:00:00.500 --> 01:02:03.250\n<v Candidate>a &lt; b {\\i1} &amp; c --&gt; d\n\n"
        "01:02:04.000 --> 01:02:05.000\nHi.\n\n"
    )


def test_text() -> None:
    assert subtitles.text(TRANSCRIPT) == "Candidate: a < b {\\i1} & c --> d\nHi.\n"


def test_nothing_said() -> None:
    empty = TRANSCRIPT.model_copy(update={"segments": ()})
    assert (subtitles.srt(empty), subtitles.vtt(empty), subtitles.text(empty)) == (
        "",
        "WEBVTT\n\n",
        "",
    )
    assert not empty.has_speech
    assert empty.confidence is None


def test_confidence_is_weighted_by_duration() -> None:
    sure = Segment(id=0, start=0, end=3, speaker=None, text="a", confidence=1.0)
    unsure = Segment(id=1, start=3, end=4, speaker=None, text="b", confidence=0.2)
    unknown = Segment(id=2, start=4, end=9, speaker=None, text="c", confidence=None)
    assert weighted_confidence([sure, unsure, unknown]) == 0.8


def test_the_fingerprint_is_of_words_and_speakers_only() -> None:
    first = TRANSCRIPT.segments[0]
    timed = first.model_copy(update={"words": (Word(text="a", start=0, end=1, confidence=None),)})
    other = first.model_copy(update={"speaker": Speaker.INTERVIEWER})

    def sha256(segment: Segment) -> str:
        return TRANSCRIPT.model_copy(update={"segments": (segment,)}).sha256

    assert sha256(first) == sha256(timed)
    assert sha256(first) != sha256(other)
