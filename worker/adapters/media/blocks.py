"""Decoding of recordings in blocks of a few minutes."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from tasks.errors import Permanent
from worker.adapters.media.container import Track, opened
from worker.adapters.media.quality import Samples

SAMPLE_RATE = 16_000
"""Hertz; the input of speech recognizers."""

_Pcm = npt.NDArray[np.int16]
"""Samples of the shape (channels, samples)."""

_MAX_DAMAGED, _MAX_DAMAGED_RATIO = 50, 0.01
"""Packets that may be damaged, most of them 20 to 60 ms long; in a long recording, their share."""

_GAP = 0.25
"""Seconds; timestamps jitter by less, as containers round them."""

_SEARCH = 0.1
"""The share of a block, at its end, that is searched for a quiet spot."""
_SPOT = SAMPLE_RATE // 5
"""Samples; a pause between two words is seldom shorter than 0.2 seconds."""


@dataclass(frozen=True, slots=True)
class Block:
    """A section of a recording.

    Attributes:
        start: Seconds from the start of the recording.
        channels: Samples from -1 to 1 at `SAMPLE_RATE`; one array for each channel, or one for
            all of them mixed.
    """

    start: float
    channels: tuple[Samples, ...]

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.channels[0]) / SAMPLE_RATE


def read_blocks(
    path: Path, *, split: bool, max_duration: float, block_seconds: float = 300.0
) -> Generator[Block, None, None]:
    """Decode a recording in blocks, with one block in memory at a time.

    Blocks end at the quietest spot of their last tenth, so that no word is cut. A few packets that
    cannot be decoded are skipped. Gaps in the sound, from a paused recorder or lost packets, are
    filled with silence, so that timestamps stay correct.

    Args:
        path: A local file.
        split: Whether to keep the two channels of a stereo recording apart.
        max_duration: Maximum seconds of sound; a longer recording counts as a decompression bomb.
        block_seconds: The maximum duration of a block.

    Raises:
        Permanent: No sound can be decoded, too little, or more than `max_duration`.
    """
    size = round(block_seconds * SAMPLE_RATE)
    start = 0
    with opened(path) as track:
        for pcm in _cut(_resampled(track, "stereo" if split else "mono"), size):
            yield Block(start / SAMPLE_RATE, tuple(_floats(channel) for channel in pcm))
            start += pcm.shape[1]
            if start > max_duration * SAMPLE_RATE:
                raise _unusable("the recording contains more sound than its packets declare")
    if not start:
        raise _unusable("nothing in the recording can be decoded")


def _cut(pieces: Iterator[_Pcm], size: int) -> Iterator[_Pcm]:
    waiting: list[_Pcm] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += piece.shape[1]
        while held >= size:
            joined = np.concatenate(waiting, axis=1)
            end = _quiet_spot(joined[:, :size])
            yield joined[:, :end]
            waiting, held = [joined[:, end:]], held - end
    if held:
        yield np.concatenate(waiting, axis=1)


def _quiet_spot(pcm: _Pcm) -> int:
    """Return the middle of the quietest spot in the last part of a block."""
    length: int = pcm.shape[1]
    first = length - round(length * _SEARCH)
    tail = pcm[:, first:].astype(np.float64)
    energy = np.cumsum(np.sum(tail**2, axis=0))
    if len(energy) <= _SPOT:
        return length
    return first + int(np.argmin(energy[_SPOT:] - energy[:-_SPOT])) + _SPOT // 2


def _resampled(track: Track, layout: Literal["mono", "stereo"]) -> Iterator[_Pcm]:
    resampler, kind, clock = None, None, _Clock()
    for frame in _frames(track):
        found = frame.format.name, frame.layout.name, frame.sample_rate
        gap = clock.gap_before(frame)
        if resampler is None or gap or found != kind:
            # The format may change within a track: HE-AAC doubles its rate, streams are joined.
            yield from _converted(resampler, None)
            resampler, kind = AudioResampler("s16p", layout, SAMPLE_RATE), found
        yield from _silence(gap, channels=2 if layout == "stereo" else 1)
        # The resampler fails on decreasing timestamps.
        frame.pts = None
        yield from _converted(resampler, frame)
    yield from _converted(resampler, None)


@dataclass(slots=True)
class _Clock:
    """Detects missing sound by the timestamps of frames."""

    _end: float | None = None

    def gap_before(self, frame: AudioFrame) -> float:
        """Return the seconds missing between the previous frames and this one."""
        start, end = frame.time, self._end
        if start is None:
            return 0.0
        gap = 0.0 if end is None or start - end <= _GAP else start - end
        self._end = max(end or start, start) + frame.samples / frame.sample_rate
        return gap


def _silence(seconds: float, *, channels: int) -> Iterator[_Pcm]:
    # In pieces of a second: a gap from a damaged timestamp may not fit in memory.
    left = round(seconds * SAMPLE_RATE)
    while left > 0:
        yield np.zeros((channels, min(left, SAMPLE_RATE)), np.int16)
        left -= SAMPLE_RATE


def _frames(track: Track) -> Iterator[AudioFrame]:
    own = (packet for packet in track.packets() if packet.stream_index == track.stream.index)
    damaged = 0
    for count, packet in enumerate(chain(own, [None])):
        try:
            frames = track.decode(packet)
        except av.FFmpegError as error:
            damaged += 1
            if damaged > max(_MAX_DAMAGED, count * _MAX_DAMAGED_RATIO):
                raise _unusable("too much of the recording is damaged") from error
            continue
        yield from frames


def _converted(resampler: AudioResampler | None, frame: AudioFrame | None) -> Iterator[_Pcm]:
    if resampler is not None:
        for out in resampler.resample(frame):
            yield out.to_ndarray().astype(np.int16, copy=False)


def _floats(pcm: _Pcm) -> Samples:
    return pcm.astype(np.float32) / np.float32(32768)


def _unusable(message: str) -> Permanent:
    return Permanent(message, code="invalid_audio")
