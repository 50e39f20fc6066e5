"""Speech recognition by Google Cloud Speech-to-Text, version 1 over REST.

https://cloud.google.com/speech-to-text/docs/reference/rest/v1/speech/recognize

A request may contain at most a minute of audio, so a recording is cut at pauses. The method for
longer audio reads it from a bucket only, and cannot be cancelled.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from google.cloud.speech_v1 import SpeechClient, types
from google.cloud.speech_v1.services.speech.transports.rest import SpeechRestTransport

from tasks.interviews.interview import Audio, Channels
from tasks.interviews.transcript import Segment, Speaker, Transcript, Word
from tasks.ports import Progress
from worker.adapters.google.endpoints import RECOGNIZE, SPEECH
from worker.adapters.google.failures import mapped_errors
from worker.adapters.google.identity import credentials_for
from worker.adapters.google.sessions import InstrumentedAdapter
from worker.adapters.media import SAMPLE_RATE, Block, read_blocks
from worker.adapters.providers import Bill, CircuitBreaker, Context, Usage
from worker.adapters.speech.settings import GoogleSpeechSettings
from worker.adapters.speech.utterances import utterances

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"

_BLOCK = 55.0
"""Seconds. The limit is 60, but a codec's padding may extend a block beyond it."""

_SLACK = 1.02
"""Factor by which a recording may exceed its probed duration, in addition to one second."""


class _Transport(SpeechRestTransport):
    """The library's transport, with instrumentation."""

    def __init__(self, url: str, credentials: Any) -> None:
        parts = urlsplit(url)
        super().__init__(host=parts.netloc, url_scheme=parts.scheme, credentials=credentials)
        adapter = InstrumentedAdapter()
        for session in (self._session, self._session._auth_request.session):  # noqa: SLF001
            for scheme in ("https://", "http://"):
                session.mount(scheme, adapter)


class GoogleSpeech:
    """A `SpeechProvider` that uses Google Cloud Speech-to-Text.

    Args:
        credentials: Credentials of `google.auth`.
        url: The base URL of the API.
        model: The model's name.
        languages: Languages that may be spoken, as BCP 47 tags, most likely first.
        timeout: Seconds to wait for a response.
        breaker: The circuit breakers.
        bill: Bills each response.
    """

    name = "google"

    def __init__(
        self,
        credentials: Any,
        *,
        url: str,
        model: str,
        languages: Sequence[str],
        timeout: float,
        breaker: CircuitBreaker,
        bill: Bill,
    ) -> None:
        self._client = SpeechClient(transport=_Transport(url, credentials))
        self._model = model
        self._languages = languages
        self._timeout = timeout
        self._breaker = breaker
        self._bill = bill

    @classmethod
    def of(cls, context: Context) -> "GoogleSpeech":
        """Create it from the settings.

        Raises:
            Unusable: There are no credentials.
        """
        settings = context.settings_for(GoogleSpeechSettings)
        return cls(
            credentials_for([_SCOPE], settings.google_credentials),
            url=settings.google_speech_url,
            model=settings.google_speech_model,
            languages=settings.google_speech_languages,
            timeout=settings.provider_timeout,
            breaker=context.breaker,
            bill=context.bill,
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.transport.close()  # type: ignore[no-untyped-call]

    def transcribe(
        self, recording: Path, audio: Audio, channels: Channels | None, progress: Progress
    ) -> Transcript:
        """Transcribe a recording in blocks of a minute."""
        speakers: tuple[Speaker | None, ...] = (None,)
        if channels is not None and audio.channels == 2:
            speakers = (channels.left, channels.right)
        builder = _TranscriptBuilder(speakers)
        blocks = read_blocks(
            recording,
            split=len(speakers) == 2,
            max_duration=audio.duration * _SLACK + 1,
            block_seconds=_BLOCK,
        )
        costs: list[float | None] = []
        version: str | None = None
        with closing(blocks):
            for block in blocks:
                builder.add(block, self._recognised(block))
                charge = self._bill(
                    Usage(self.name, self._model, audio_seconds=block.duration * len(speakers))
                )
                costs.append(charge.cost)
                version = charge.price_version
                progress(min(100.0, 100 * builder.end / audio.duration))
        known = [cost for cost in costs if cost is not None]
        return Transcript(
            language=builder.language,
            duration=round(builder.end, 3),
            provider=self.name,
            model=self._model,
            segments=builder.segments(),
            cost=sum(known) if known and len(known) == len(costs) else None,
            price_version=version,
        )

    def _recognised(self, block: Block) -> types.RecognizeResponse:
        samples = np.stack(block.channels, axis=1)
        pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2")
        config = types.RecognitionConfig(
            encoding=types.RecognitionConfig.AudioEncoding.LINEAR16,
            sample_rate_hertz=SAMPLE_RATE,
            audio_channel_count=len(block.channels),
            enable_separate_recognition_per_channel=len(block.channels) > 1,
            language_code=self._languages[0],
            alternative_language_codes=self._languages[1:],
            model=self._model,
            enable_automatic_punctuation=True,
            enable_word_time_offsets=True,
            enable_word_confidence=True,
        )
        content = types.RecognitionAudio(content=pcm.tobytes())
        with self._breaker(SPEECH, RECOGNIZE), mapped_errors(SPEECH):
            # No retries by the library: `RetryPolicy` makes them.
            return self._client.recognize(
                config=config, audio=content, retry=None, timeout=self._timeout
            )


class _TranscriptBuilder:
    """Collects the results of the blocks."""

    def __init__(self, speakers: Sequence[Speaker | None]) -> None:
        self._speakers = speakers
        self._segments_found: list[Segment] = []
        self.language: str | None = None
        self.end = 0.0

    def add(self, block: Block, answer: types.RecognizeResponse) -> None:
        """Add the response for a block."""
        for result in answer.results:
            if not result.alternatives:
                continue
            if self.language is None and result.language_code:
                self.language = result.language_code.partition("-")[0].lower()
            # Channels are counted from 1; a single one has the number 0 or 1.
            index = min(max(result.channel_tag, 1), len(self._speakers)) - 1
            self._segments_found += _segments(result.alternatives[0], self._speakers[index], block)
        self.end = block.start + block.duration

    def segments(self) -> tuple[Segment, ...]:
        """Return the segments in chronological order."""
        ordered = sorted(self._segments_found, key=lambda segment: segment.start)
        return tuple(
            segment.model_copy(update={"id": position}) for position, segment in enumerate(ordered)
        )


def _segments(
    said: types.SpeechRecognitionAlternative, speaker: Speaker | None, block: Block
) -> Iterator[Segment]:
    words = [_word(word, block.start) for word in said.words]
    if not words and said.transcript.strip():
        # Without word times, the segment spans the whole block.
        end = block.start + block.duration
        yield _segment(said.transcript, block.start, end, speaker, _known(said.confidence), ())
    for group in utterances(words) if words else ():
        text = " ".join(word.text for word in group)
        sure = [word.confidence for word in group if word.confidence is not None]
        mean = sum(sure) / len(sure) if sure else _known(said.confidence)
        yield _segment(text, group[0].start, group[-1].end, speaker, mean, tuple(group))


def _segment(
    text: str,
    start: float,
    end: float,
    speaker: Speaker | None,
    confidence: float | None,
    words: tuple[Word, ...],
) -> Segment:
    return Segment(
        id=0,
        start=start,
        end=end,
        speaker=speaker,
        text=text.strip(),
        confidence=None if confidence is None else round(confidence, 4),
        words=words,
    )


def _word(word: types.WordInfo, offset: float) -> Word:
    start, end = _seconds(word.start_time), _seconds(word.end_time)
    return Word(
        text=word.word,
        start=round(offset + start, 3),
        end=round(offset + max(start, end), 3),
        confidence=_known(word.confidence),
    )


def _seconds(time: timedelta | None) -> float:
    return time.total_seconds() if time is not None else 0.0


def _known(confidence: float) -> float | None:
    """Return a confidence; None for 0, which means that Google did not set it."""
    return round(min(confidence, 1.0), 4) if confidence > 0 else None
