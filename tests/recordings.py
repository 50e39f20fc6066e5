"""Generated recordings in any container and codec that PyAV writes."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]
"""Samples of the shape (channels, samples) from -1 to 1."""

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_PIECE = 1 << 16


def tone(seconds: float, rate: int = 16_000, *, channels: int = 1, level: float = 0.3) -> Signal:
    """A tone that is on for half of each second."""
    time = np.arange(round(seconds * rate)) / rate
    sound = level * np.sin(2 * np.pi * 440 * time) * (time % 1 < 0.5)
    return np.tile(sound, (channels, 1))


def silence(seconds: float, rate: int = 16_000, *, channels: int = 1) -> Signal:
    """Digital silence."""
    return np.zeros((channels, round(seconds * rate)))


def write(
    path: Path,
    signal: Signal | None,
    *,
    codec: str,
    container: str,
    rate: int = 16_000,
    tracks: int = 1,
    picture: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a recording with a signal on each audio track, and optionally a video track."""
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        streams: list[Any] = []
        if signal is not None:
            layout = _LAYOUTS[len(signal)]
            streams = [output.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        if picture:
            _film(output, 0 if signal is None else signal.shape[1] / rate)
        for stream in streams:
            for frame in _frames(signal, rate, stream):
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return path


def repeat(path: Path, signal: Signal, *, times: int, rate: int = 16_000) -> Path:
    """Write a repeated signal as FLAC in Matroska, encoding it only once."""
    with av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream("flac", rate=rate, layout=_LAYOUTS[len(signal)])
        encoded = [
            packet for frame in _frames(signal, rate, stream) for packet in stream.encode(frame)
        ]
        encoded += stream.encode(None)
        contents = [(bytes(packet), packet.duration) for packet in encoded]
        at = 0
        for content, duration in contents * times:
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, rate)
            packet.pts, packet.dts, packet.duration = at, at, duration
            output.mux(packet)
            at += duration or 0
    return path


def _film(output: Any, seconds: float) -> None:
    video = output.add_stream("mpeg4", rate=5)
    video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
    for shade in range(round(max(seconds, 1) * 5)):
        picture = np.full((64, 64, 3), shade % 256, np.uint8)
        output.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    output.mux(video.encode(None))


def _frames(signal: Signal | None, rate: int, stream: Any) -> Iterable[Any]:
    assert signal is not None
    context = stream.codec_context
    resampler = av.AudioResampler(
        context.format, context.layout, rate, frame_size=context.frame_size or 1024
    )
    for start in range(0, signal.shape[1], _PIECE):
        # Interleaved, because PyAV cannot fill more than seven planes.
        piece = signal[:, start : start + _PIECE].T.astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=_LAYOUTS[len(signal)])
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), start
        yield from resampler.resample(frame)
    yield from resampler.resample(None)
