"""Transcription of a recording with Whisper, block by block."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks.interviews.transcript import Segment, Speaker, Word
from tasks.ports import Progress
from worker.adapters.media import Block
from worker.adapters.speech.utterances import utterances

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Word as HeardWord

OPTIONS = MappingProxyType({"beam_size": 5, "vad_filter": True, "word_timestamps": True})
"""Options of faster-whisper."""


class BlockTranscriber:
    """Transcribes the blocks of one recording.

    Args:
        model: The model.
        duration: The duration of the recording in seconds, from which progress is computed.
        speakers: The speaker on each channel of the blocks.
        progress: Called after every segment with the percentage of audio transcribed.

    Attributes:
        language: The ISO 639-1 code of the language; None until speech is detected.
        end: Seconds of the recording that have been transcribed.
    """

    def __init__(
        self,
        model: "WhisperModel",
        duration: float,
        speakers: Sequence[Speaker | None],
        progress: Progress,
    ) -> None:
        self._model = model
        self._duration = duration
        self._speakers = speakers
        self._progress = progress
        self._percent = 0.0
        self._found: list[Segment] = []
        self.language: str | None = None
        self.end = 0.0

    def transcribe(self, block: Block) -> None:
        """Transcribe a block, one channel after the other."""
        count = len(self._speakers)
        for index, speaker in enumerate(self._speakers):
            # The channels of a block are transcribed one after the other, for equal shares of it.
            for words, position in self._words(block, index):
                self._found += _segments(words, speaker, block.start)
                self._report_progress(block.start + (index * block.duration + position) / count)
        self.end = block.start + block.duration
        self._report_progress(self.end)

    def segments(self) -> tuple[Segment, ...]:
        """Return the segments in chronological order."""
        ordered = sorted(self._found, key=lambda segment: segment.start)
        return tuple(
            segment.model_copy(update={"id": position}) for position, segment in enumerate(ordered)
        )

    def _words(self, block: Block, index: int) -> Iterator[tuple[Sequence["HeardWord"], float]]:
        # The first block with speech sets the language: detection is unreliable on short blocks.
        found, info = self._model.transcribe(
            block.channels[index], language=self.language, **OPTIONS
        )
        for segment in found:
            if segment.words:
                self.language = info.language
                yield segment.words, min(segment.end, block.duration)

    def _report_progress(self, seconds: float) -> None:
        self._percent = max(self._percent, min(100.0, 100 * seconds / self._duration))
        self._progress(self._percent)


def _segments(
    words: Sequence["HeardWord"], speaker: Speaker | None, offset: float
) -> Iterator[Segment]:
    for group in utterances(words):
        said = tuple(_word(word, offset) for word in group)
        yield Segment(
            id=0,
            start=said[0].start,
            end=said[-1].end,
            speaker=speaker,
            text="".join(word.word for word in group).strip(),
            confidence=round(sum(word.probability for word in group) / len(group), 4),
            words=said,
        )


def _word(word: "HeardWord", offset: float) -> Word:
    return Word(
        text=word.word.strip(),
        start=round(offset + word.start, 3),
        end=round(offset + max(word.start, word.end), 3),
        confidence=round(min(1.0, word.probability), 4),
    )
