"""Samples from the whole length of a recording, decoded in one pass."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream

from worker.adapters.media.container import Track
from worker.adapters.media.quality import Samples

_WINDOWS = 10
_WINDOW = 1.0
"""Seconds."""
_WARM_UP = 0.1
"""Seconds that a decoder may need after a gap; 80 ms for Opus (RFC 7845, section 4.6)."""


@dataclass(slots=True)
class _Window:
    after_gap: bool
    frames: list[AudioFrame] = field(default_factory=list)

    def samples(self) -> tuple[Samples, int] | None:
        if not self.frames:
            return None
        kind = _kind(self.frames[0])
        alike = [_floats(frame) for frame in self.frames if _kind(frame) == kind]
        rate = self.frames[0].sample_rate
        skipped = round(_WARM_UP * rate) if self.after_gap else 0
        return np.concatenate(alike, axis=1)[:, skipped:], rate


class Sampler:
    """Decodes the first second of each tenth of a recording, which is all of a short one.

    Packets are decoded in one pass, since seeking is slow in some containers and wrong in others.

    Args:
        track: The track of the packets.
        duration: The duration in the header, in seconds, by which the samples are spread; None to
            spread them by the positions in the file.
    """

    def __init__(self, track: Track, duration: float | None) -> None:
        self._track = track
        self._duration = duration
        self._tenth = -1
        self._left = 0.0
        self._gap = False
        self._windows: list[_Window] = []

    def take(self, packet: Packet[Stream], at: float, seconds: float) -> None:
        """Decode the next packet if it belongs to a sample.

        Args:
            packet: The packet.
            at: Its start, in seconds.
            seconds: Its duration.
        """
        tenth = int(self._share(packet, at) * _WINDOWS)
        if self._tenth < tenth < _WINDOWS:
            self._tenth = tenth
            self._open_window()
        if self._left > 0:
            self._left -= seconds
            self._decode(packet)
        else:
            self._gap = True

    def finish(self) -> list[tuple[Samples, int]]:
        """Return the samples, of the shape (channels, samples), and their rate in hertz."""
        if self._windows and not self._gap:
            self._decode(None)
        heard = [window.samples() for window in self._windows]
        return [found for found in heard if found is not None and found[0].size]

    def _decode(self, packet: Packet[Stream] | None) -> None:
        # Damaged packets are skipped.
        with suppress(av.FFmpegError):
            self._windows[-1].frames += self._track.decode(packet)

    def _share(self, packet: Packet[Stream], at: float) -> float:
        if self._duration:
            return at / self._duration
        return (packet.pos or 0) / self._track.container.size

    def _open_window(self) -> None:
        if self._gap:
            self._track.stream.codec_context.flush_buffers()
        if self._gap or not self._windows:
            self._windows.append(_Window(self._gap))
        self._gap = False
        self._left = _WINDOW


def _kind(frame: AudioFrame) -> tuple[int, int]:
    return frame.sample_rate, frame.layout.nb_channels


def _floats(frame: AudioFrame) -> Samples:
    raw = frame.to_ndarray()
    samples = raw if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind == "f":
        # Floating-point files may contain any value, including infinity.
        bounded: Samples = np.clip(np.nan_to_num(samples), -1, 1).astype(np.float32, copy=False)
        return bounded
    half = np.float32(2 ** (8 * samples.itemsize - 1))
    centre = half if samples.dtype.kind == "u" else np.float32(0)
    return (samples.astype(np.float32) - centre) / half
