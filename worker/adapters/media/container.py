"""Opening of untrusted recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from tasks.errors import InvalidAudio

_CONTAINERS = {
    "aac": "adts",
    "flac": "flac",
    "matroska": "matroska",
    "mov": "mp4",
    "mp3": "mp3",
    "ogg": "ogg",
    "wav": "wav",
}
"""The allowed demuxers of FFmpeg, and the names of their containers.

None of them opens another file or address, as those of playlists and of lists of files do.
"""

_DECODERS = (
    "aac,ac3,alac,eac3,flac,mp3,mp3float,opus,libopus,vorbis,"
    "pcm_alaw,pcm_f32le,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24le,pcm_s32le,pcm_u8"
)
"""The allowed decoders of FFmpeg: audio only, so that no picture is decoded."""

_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_CONTAINERS),
    "codec_whitelist": _DECODERS,
}

_MAX_STREAMS = 32
_MAX_FAULTS = 100
"""The number of damaged sections after which reading stops."""
_CHANNELS = {1, 2}
_SAMPLE_RATES = range(4_000, 384_001)
"""Hertz; from below telephone quality to above studio quality."""


@dataclass(frozen=True, slots=True)
class Track:
    """The audio track of an open recording."""

    container: InputContainer
    stream: AudioStream

    @property
    def container_name(self) -> str:
        """The name of the container."""
        return _CONTAINERS[self.container.format.name.partition(",")[0]]

    @property
    def codec_name(self) -> str:
        """The name of the codec."""
        return self.stream.codec_context.codec.canonical_name

    def packets(self) -> Iterator[Packet[Stream]]:
        """Yield the packets; skip damaged sections if possible."""
        for _ in range(_MAX_FAULTS):
            try:
                for packet in self.container.demux():
                    # The last packets are empty; they flush the decoders.
                    if packet.size:
                        yield packet
            except av.FFmpegError:
                continue
            return

    def decode(self, packet: Packet[Stream] | None) -> list[AudioFrame]:
        """Decode a packet, or flush the decoder.

        Raises:
            av.FFmpegError: The packet is damaged.
        """
        decoded = self.stream.codec_context.decode(packet)
        # A damaged frame may declare any number of channels. With eight or more, PyAV 18 reads
        # memory outside of the frame, which crashes the process.
        return [frame for frame in decoded if frame.layout.nb_channels in _CHANNELS]


@contextmanager
def opened(path: Path) -> Iterator[Track]:
    """Open a local file with a recording for the duration of the context.

    Raises:
        InvalidAudio: It is not a recording, or its format is not accepted.
    """
    _check_file(path)
    try:
        container = av.open(
            # With this scheme, FFmpeg does not interpret the path as a URL of another protocol.
            f"file:{path.absolute()}",
            container_options=_OPTIONS,
            metadata_errors="ignore",
        )
    except (av.FFmpegError, ValueError) as error:
        raise _refusal(path) from error
    with container:
        track = Track(container, _audio_stream(container))
        _discard_others(track)
        yield track


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InvalidAudio("the recording is not a file", code="not_audio")
    if path.stat().st_size == 0:
        raise InvalidAudio("the recording is empty", code="empty")


def _refusal(path: Path) -> InvalidAudio:
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:] == b"ftyp":
        return InvalidAudio(
            "the recording is truncated: its index (the MP4 box `moov`) is missing or incomplete",
            code="truncated",
        )
    return _not_audio()


def _not_audio() -> InvalidAudio:
    return InvalidAudio(
        "this is not audio; FLAC, WAV, MP3, M4A, AAC, Ogg, WebM, MP4 and Matroska are accepted",
        code="not_audio",
    )


def _audio_stream(container: InputContainer) -> AudioStream:
    if len(container.streams) > _MAX_STREAMS:
        raise InvalidAudio(f"the recording has more than {_MAX_STREAMS} tracks", code="suspicious")
    if not container.streams.audio:
        raise InvalidAudio("the recording has no audio track", code="no_audio_track")
    stream = container.streams.audio[0]
    context = stream.codec_context
    # None if FFmpeg has no decoder, although the type does not allow it.
    if getattr(context, "name", None) not in _DECODERS.split(","):
        raise InvalidAudio("the audio track's codec is not supported", code="unsupported_codec")
    if not context.sample_rate:
        # For a name such as `a.flac`, FFmpeg tries a raw format regardless of the content.
        raise _not_audio()
    if context.sample_rate not in _SAMPLE_RATES:
        raise InvalidAudio(
            f"a sample rate of {context.sample_rate} Hz is not plausible; "
            f"from {_SAMPLE_RATES.start} to {_SAMPLE_RATES.stop - 1} Hz are accepted",
            code="suspicious",
        )
    if context.channels not in _CHANNELS:
        raise InvalidAudio(
            f"the recording has {context.channels} channels; mono and stereo are accepted",
            code="unsupported_channels",
        )
    return stream


def _discard_others(track: Track) -> None:
    # Matroska's header has the duration of the longest track, so all tracks must be read.
    if track.container_name != "matroska":
        for stream in track.container.streams:
            if stream.index != track.stream.index:
                stream.discard = Discard.all
