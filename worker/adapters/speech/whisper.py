"""Speech recognition by Whisper on this machine."""

from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Speaker, Transcript
from tasks.ports import Progress
from worker.adapters.media import read_blocks
from worker.adapters.providers import Context
from worker.adapters.speech.block_transcriber import BlockTranscriber
from worker.adapters.speech.model import load_model
from worker.adapters.speech.settings import WhisperSettings

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_SLACK = 1.02
"""Factor by which a recording may exceed its probed duration, in addition to one second."""


class WhisperProvider:
    """A `SpeechProvider` that runs Whisper on the CPU, with faster-whisper.

    The model is loaded at its first use: a process that is forked afterwards would inherit its
    memory, but not its threads.

    Args:
        model: The name of a model, `tiny.en` to `large-v3`, or the path of a directory with one.
        cpu_threads: Threads that one transcription uses.
    """

    name = "whisper"

    def __init__(self, model: str = "tiny.en", *, cpu_threads: int = 1) -> None:
        self._name = model
        self._cpu_threads = cpu_threads
        self._lock = Lock()
        self._model: WhisperModel | None = None

    def load(self) -> "WhisperModel":
        """Load the model if it is not loaded yet.

        Raises:
            MissingExtra: faster-whisper is not installed.
            Permanent: The model cannot be found or loaded.
        """
        with self._lock:
            if self._model is None:
                self._model = load_model(self._name, cpu_threads=self._cpu_threads)
            return self._model

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        """Transcribe a recording in blocks of a few minutes.

        If each channel has one speaker, channels are transcribed separately, and segments name
        their speakers.
        """
        speakers: tuple[Speaker | None, ...] = (None,)
        if channels is not None and audio.channels == 2:
            speakers = (channels.left, channels.right)
        transcriber = BlockTranscriber(self.load(), audio.duration, speakers, progress)
        longest = audio.duration * _SLACK + 1
        blocks = read_blocks(recording, split=len(speakers) == 2, max_duration=longest)
        with closing(blocks):
            for block in blocks:
                transcriber.transcribe(block)
        return Transcript(
            language=transcriber.language,
            duration=round(transcriber.end, 3),
            provider=self.name,
            model=self._name,
            segments=transcriber.segments(),
        )


def open_provider(context: Context) -> WhisperProvider:
    """Create the provider `whisper` from the settings."""
    settings = context.settings_for(WhisperSettings)
    return WhisperProvider(settings.whisper_model, cpu_threads=settings.whisper_threads)
