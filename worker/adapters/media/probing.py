"""Validation of recordings before they are accepted."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from av.packet import Packet
from av.stream import Stream

from tasks.errors import InvalidAudio
from tasks.interviews.interview import Audio
from worker.adapters.media.claims import check_claim, claimed_duration
from worker.adapters.media.container import Track, opened
from worker.adapters.media.quality import Samples, measure
from worker.adapters.media.sampling import Sampler


def probe(path: Path, *, name: str, max_duration: float) -> Audio:
    """Check a recording and return its properties.

    The duration is computed from the audio packets, not taken from the header. A few seconds,
    spread over the recording, are decoded to measure the sound quality. Video is never decoded.

    Args:
        path: A local file.
        name: The recording's file name, for display.
        max_duration: The maximum duration of a recording, in seconds.

    Raises:
        InvalidAudio: It cannot be used; the code is one of `not_audio`, `empty`, `no_audio_track`,
            `unsupported_codec`, `unsupported_channels`, `suspicious`, `zero_length`, `truncated`,
            `too_long` and `undecodable`.
    """
    with opened(path) as track:
        duration, windows = _listen(track, path, max_duration)
        return Audio(
            name=name,
            size=path.stat().st_size,
            container=track.container_name,
            codec=track.codec_name,
            duration=duration,
            channels=windows[0][0].shape[0],
            sample_rate=windows[0][1],
            quality=measure(windows),
        )


def _listen(
    track: Track, path: Path, max_duration: float
) -> tuple[float, list[tuple[Samples, int]]]:
    packets = track.packets()
    first = next(packets, None)
    claimed = claimed_duration(track, path, first.pos if first else None)
    sampler = Sampler(track, claimed)
    clock = _Clock(track)
    for packet in chain([first] if first else [], packets):
        at = clock.total
        if clock.advance(packet):
            sampler.take(packet, at, clock.total - at)
        if clock.duration > max_duration:
            raise InvalidAudio(f"the recording is longer than {max_duration:g} s", code="too_long")
    check_claim(claimed, clock.reach)
    duration = round(clock.duration, 3)
    if not duration:
        raise InvalidAudio("the audio track is empty", code="zero_length")
    windows = sampler.finish()
    if not windows:
        raise InvalidAudio("the audio track cannot be decoded", code="undecodable")
    return duration, windows


class _Clock:
    """Adds up the durations of packets.

    Attributes:
        total: Seconds of sound on the audio track.
        duration: Seconds from the start of that track to its end, including gaps.
        reach: Seconds from the start of the recording to the end of its longest track.
    """

    def __init__(self, track: Track) -> None:
        self._own = track.stream.index
        self._units = {s.index: float(s.time_base or 0) for s in track.container.streams}
        self._start: float | None = None
        self.total = self.duration = self.reach = 0.0

    def advance(self, packet: Packet[Stream]) -> bool:
        """Count a packet; return whether it belongs to the audio track."""
        unit = self._units[packet.stream_index]
        seconds = (packet.duration or 0) * unit
        at = self.reach if packet.pts is None else packet.pts * unit
        self.reach = max(self.reach, at + seconds)
        if packet.stream_index != self._own:
            return False
        if self._start is None:
            self._start = at
        self.total += seconds
        self.duration = max(self.duration, self.total, at + seconds - self._start)
        return True
