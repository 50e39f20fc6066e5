"""Sample interviews, and the bundled recordings, for tests."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tasks.analysis.build import analyse
from tasks.analysis.report import Report
from tasks.analysis.rubric import rubric_for
from tasks.clock import now
from tasks.interviews.interview import AnalysisType, Audio, AudioQuality, Consent, Interview, Source
from tasks.interviews.people import Person
from tasks.interviews.transcript import Segment, Speaker, Transcript
from tests.fakes.language import FakeLanguage
from tests.talk import talk

SAMPLES = Path(__file__).parent.parent / "worker" / "local" / "samples"
SCREENING = SAMPLES / "screening.flac"
TECHNICAL = SAMPLES / "technical.flac"

MAYA = Person(name="Maya Example", email="maya@candidates.example", time_zone="Europe/Lisbon")
INES = Person(name="Ines Example", email="ines@company.example", time_zone="Europe/Berlin")

AUDIO = Audio(
    name="screening.flac",
    size=1000,
    container="flac",
    codec="flac",
    duration=98.19,
    channels=2,
    sample_rate=16000,
    quality=AudioQuality(loudness_dbfs=-20.0, clipping_ratio=0.0, silence_ratio=0.1, snr_db=40.0),
)


def an_interview(**particulars: Any) -> Interview:
    """An interview that was just submitted."""
    moment = particulars.pop("created_at", None) or now()
    given: dict[str, Any] = {
        "id": str(uuid4()),
        "type": "screening",
        "candidate": MAYA,
        "interviewers": (INES,),
        "time_zone": "Europe/Berlin",
        "consent": Consent(id="consent-1", at=moment),
        "source": Source.HTTP,
        "audio": AUDIO,
        "created_at": moment,
        "updated_at": moment,
        **particulars,
    }
    return Interview(**given)


def a_report(interview: Interview, *parts: AnalysisType) -> Report:
    """The report of the fake provider; with all analyses by default."""
    said = talk(("i", "What did you do?"), ("c", "I led the response to it. " * 20))
    heard = interview.model_copy(
        update={"audio": interview.audio.model_copy(update={"duration": said.duration})}
    )
    # Stores have millisecond precision.
    moment = interview.created_at.replace(microsecond=0)
    return analyse(
        heard, said, rubric_for("technical"), FakeLanguage(), parts or tuple(AnalysisType), moment
    )


def true_transcript(name: str, *, speakers: bool = True) -> Transcript:
    """The true transcript of a sample, from which it was synthesised."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    return Transcript(
        language="en",
        duration=sample["duration_s"],
        provider="truth",
        model="truth",
        segments=tuple(
            Segment(
                id=number,
                start=said["start"],
                end=said["end"],
                speaker=Speaker(said["speaker"]) if speakers else None,
                text=said["text"],
                confidence=0.95,
            )
            for number, said in enumerate(sample["segments"])
        ),
    )
