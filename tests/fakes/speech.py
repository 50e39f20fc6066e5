"""A `SpeechProvider` with scripted transcripts."""

from collections.abc import Callable
from pathlib import Path

from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Transcript
from tasks.ports import Progress

SILENCE = Transcript(language=None, duration=1.0, provider="scripted", model="none")


class ScriptedSpeech:
    """Runs a script before it returns, so that a test can inspect the state or raise an error."""

    def __init__(self, script: Callable[[Progress], None] = lambda _: None) -> None:
        self.script = script
        self.calls = 0
        self.heard = SILENCE

    @property
    def name(self) -> str:
        return "scripted"

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        del audio, channels
        assert recording.exists()
        self.calls += 1
        self.script(progress)
        return self.heard
