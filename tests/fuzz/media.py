"""Damaged recordings, each reproducible from its number."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from tests.recordings import Signal, write
from tests.samples import TECHNICAL
from worker.adapters.media import SAMPLE_RATE, read_blocks


class Kind(NamedTuple):
    suffix: str
    container: str
    codec: str
    rate: int
    channels: int
    options: dict[str, str] = {}  # noqa: RUF012 - never changed


KINDS = [
    Kind("wav", "wav", "pcm_s16le", 16_000, 2),
    Kind("flac", "flac", "flac", 16_000, 2),
    Kind("mp3", "mp3", "libmp3lame", 44_100, 2),
    Kind("ogg", "ogg", "libopus", 48_000, 1),
    Kind("oga", "ogg", "flac", 16_000, 1),
    Kind("m4a", "ipod", "aac", 44_100, 2),
    Kind("mp4", "mp4", "aac", 44_100, 1, {"movflags": "frag_keyframe+empty_moov"}),
    Kind("aac", "adts", "aac", 48_000, 1),
    Kind("webm", "webm", "libopus", 48_000, 2),
    Kind("mkv", "matroska", "libmp3lame", 44_100, 1),
]

_SECONDS = 2
_HEADER = 400
"""Bytes at the start of a file, which contain most of the metadata."""

_FIELDS = {
    b"fmt ": (10, 12, 16, 20, 22),  # channels, rate, bytes a second, block, bits
    b"fLaC": (8, 10, 12, 18, 21, 22),  # block sizes, rate, channels, bits, length
    b"OpusHead": (8, 9, 10, 12, 16, 18),  # version, channels, skip, rate, gain, mapping
    b"OggS": (4, 5, 6, 14, 18, 22, 26),  # version, type, position, serial, page, sum, segments
    b"mp4a": (16, 20, 22, 28, 30),  # version, channels, bits, rate
    b"mdhd": (4, 8, 12, 16, 20),  # version, times, scale, duration
    b"stsz": (8, 12, 16),  # sample size, their number, the first
    b"stts": (8, 12, 16),
    b"trun": (5, 8, 12),
    b"\xb5": (1, 2, 5),  # Matroska's SamplingFrequency
    b"\x9f": (1,),  # Matroska's Channels
    b"\x2a\xd7\xb1": (3, 4, 5),  # Matroska's TimestampScale
    b"\xff\xfb": (2, 3),  # MPEG's bit rate, rate and channels
    b"\xff\xf1": (2, 3, 4, 5),  # those of ADTS, and the frame's length
}
"""The offsets of numbers (rates, channels, lengths) after a marker in a header."""

_ODD = (b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff")

Damage = Callable[[Random, bytes, bytes], bytes]
"""Damages a recording; may insert parts of a second one."""


def clips(place: Path) -> list[tuple[str, bytes]]:
    """A short speech recording in every format: file suffix and content."""
    block = next(read_blocks(TECHNICAL, split=True, max_duration=600))
    speech = np.stack(block.channels)[:, : _SECONDS * SAMPLE_RATE].astype(np.float64)
    return [(kind.suffix, _write(place / kind.suffix, speech, kind).read_bytes()) for kind in KINDS]


def damaged(clips: list[tuple[str, bytes]], seed: int, number: int) -> tuple[str, bytes]:
    """The damaged recording with a number: file suffix and content."""
    luck = Random(f"{seed}:{number}")
    suffix, content = luck.choice(clips)
    for _ in range(luck.choice((1, 1, 1, 2, 3))):
        content = luck.choice(_DAMAGES)(luck, content, luck.choice(clips)[1])
    if luck.random() < 0.1:
        suffix = luck.choice(clips)[0]
    return suffix, content


def _write(path: Path, speech: Signal, kind: Kind) -> Path:
    given, wanted = (np.arange(_SECONDS * rate) / rate for rate in (SAMPLE_RATE, kind.rate))
    signal = np.stack([np.interp(wanted, given, channel) for channel in speech[: kind.channels]])
    return write(
        path,
        signal,
        codec=kind.codec,
        container=kind.container,
        rate=kind.rate,
        options=kind.options,
    )


def _flip_bits(luck: Random, content: bytes, _: bytes) -> bytes:
    changed = bytearray(content)
    for _number in range(luck.choice((1, 10, 100)) if changed else 0):
        changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
    return bytes(changed)


def _flip_in_header(luck: Random, content: bytes, other: bytes) -> bytes:
    return _flip_bits(luck, content[:_HEADER], other) + content[_HEADER:]


def _cut_off(luck: Random, content: bytes, _: bytes) -> bytes:
    # Cut to few or no bytes as often as to many.
    return content[: int(len(content) ** luck.random()) - 1]


def _behead(luck: Random, content: bytes, _: bytes) -> bytes:
    return content[int(len(content) ** luck.random()) :]


def _cut_out(luck: Random, content: bytes, _: bytes) -> bytes:
    start, end = _stretch(luck, content)
    return content[:start] + content[end:]


def _repeat(luck: Random, content: bytes, _: bytes) -> bytes:
    start, end = _stretch(luck, content)
    return content[:end] + content[start:end] * luck.randrange(1, 8) + content[end:]


def _blank(luck: Random, content: bytes, _: bytes) -> bytes:
    start, end = _stretch(luck, content)
    return content[:start] + luck.choice(_ODD) * (end - start) + content[end:]


def _noise(luck: Random, content: bytes, _: bytes) -> bytes:
    start, end = _stretch(luck, content)
    return content[:start] + luck.randbytes(end - start) + content[end:]


def _other_header(luck: Random, content: bytes, other: bytes) -> bytes:
    length = luck.randrange(_HEADER)
    return other[:length] + content[length:]


def _join(_: Random, content: bytes, other: bytes) -> bytes:
    return content + other


def _odd_number(luck: Random, content: bytes, _: bytes) -> bytes:
    """Replace a number in a header by an absurd one."""
    marks = [mark for mark in _FIELDS if mark in content]
    if not marks:
        return content
    mark = luck.choice(marks)
    at = luck.choice(list(_places(content, mark))) + len(mark) + luck.choice(_FIELDS[mark])
    number = luck.choice((luck.choice(_ODD) * 8, luck.randbytes(8)))[: luck.choice((1, 2, 4, 8))]
    return content[:at] + number + content[at + len(number) :]


_DAMAGES: tuple[Damage, ...] = (
    *(_flip_bits, _flip_in_header, _cut_off, _behead, _cut_out, _repeat, _blank, _noise),
    *(_other_header, _join, *(_odd_number,) * 8),
)


def _stretch(luck: Random, content: bytes) -> tuple[int, int]:
    start = luck.randrange(len(content) + 1)
    return start, min(start + luck.choice((1, 4, 64, 1024, 16384)), len(content))


def _places(content: bytes, mark: bytes) -> Iterator[int]:
    at = content.find(mark)
    while at >= 0:
        yield at
        at = content.find(mark, at + 1)
