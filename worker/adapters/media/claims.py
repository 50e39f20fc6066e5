"""The duration in the header of a recording, which may be wrong or missing."""

from pathlib import Path

import av

from tasks.errors import InvalidAudio
from worker.adapters.media.container import Track

_TOLERANCE = 1.0
_TOLERANCE_RATIO = 0.02
"""A recording may be shorter than its header says by a second, or by two percent."""

_ENDLESS = 0x7FFF_0000
"""Bytes; a RIFF header that announces more means an unknown length."""

_MAX_FRAME = 1441
"""Bytes; the frame before the first one of sound is where a Xing header lies."""


def claimed_duration(track: Track, path: Path, first: int | None) -> float | None:
    """Return the duration in the header, in seconds.

    MPEG audio and ADTS have no header of their own, only FFmpeg's guess by the first frames' bit
    rate; MP3 files may begin with a frame that holds a Xing header. Of WAV files FFmpeg tells how
    much is there, not how much their RIFF header announces.

    Args:
        track: The recording's audio track.
        path: The recording's file.
        first: The position of the first packet in the file.
    """
    name = track.container_name
    if name == "adts" or (name == "mp3" and not _has_vbr_header(path, first or 0)):
        return None
    if name == "wav" and (announced := _riff_duration(track, path)) is not None:
        return announced
    if track.stream.duration is not None:
        return track.stream.duration * float(track.stream.time_base or 0)
    if track.container.duration is not None:
        return track.container.duration / av.time_base
    return None


def _riff_duration(track: Track, path: Path) -> float | None:
    """Return the duration in the RIFF header if much of the data is missing."""
    with path.open("rb") as file:
        announced = int.from_bytes(file.read(8)[4:], "little") + 8
    second = (track.stream.bit_rate or 0) / 8
    # A program that writes to a pipe sets the unknown length to zero or to the maximum.
    if announced >= _ENDLESS or not second or announced < path.stat().st_size + second:
        return None
    return announced / second


def check_claim(claimed: float | None, found: float) -> None:
    """Compare the duration in the header with the actual one, both in seconds.

    Raises:
        InvalidAudio: The recording is much shorter, so it is truncated.
    """
    if claimed is not None and claimed > found * (1 + _TOLERANCE_RATIO) + _TOLERANCE:
        raise InvalidAudio(
            f"the recording is truncated: it contains {found:.1f} s of {claimed:.1f} s",
            code="truncated",
        )


def _has_vbr_header(path: Path, first: int) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, first - _MAX_FRAME))
        before = file.read(first - file.tell())
    return b"Xing" in before or b"Info" in before
