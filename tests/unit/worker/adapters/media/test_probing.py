"""Probing of accepted recordings of all formats."""

import math
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.interviews.interview import Audio, AudioQuality
from tests.recordings import Signal, silence, tone, write
from tests.samples import SCREENING, TECHNICAL
from worker.adapters.media import probe

SECONDS = 3.0


class Kind(NamedTuple):
    container: str
    codec: str
    rate: int
    channels: int
    called: tuple[str, str]
    picture: bool = False
    options: dict[str, str] = {}  # noqa: RUF012 - never changed


KINDS = [
    Kind("flac", "flac", 16_000, 1, ("flac", "flac")),
    Kind("wav", "pcm_s16le", 44_100, 2, ("wav", "pcm_s16le")),
    Kind("wav", "pcm_u8", 8_000, 1, ("wav", "pcm_u8")),
    Kind("wav", "pcm_s24le", 48_000, 2, ("wav", "pcm_s24le")),
    Kind("wav", "pcm_f32le", 48_000, 1, ("wav", "pcm_f32le")),
    Kind("mp3", "libmp3lame", 44_100, 2, ("mp3", "mp3")),
    Kind("mp3", "libmp3lame", 16_000, 1, ("mp3", "mp3"), options={"write_xing": "0"}),
    Kind("ipod", "aac", 44_100, 2, ("mp4", "aac")),
    Kind("ipod", "alac", 44_100, 1, ("mp4", "alac")),
    Kind("adts", "aac", 48_000, 1, ("adts", "aac")),
    Kind("ogg", "libopus", 48_000, 2, ("ogg", "opus")),
    Kind("ogg", "flac", 16_000, 1, ("ogg", "flac")),
    Kind("webm", "libopus", 48_000, 1, ("matroska", "opus")),
    Kind("webm", "libopus", 48_000, 2, ("matroska", "opus"), options={"live": "1"}),
    Kind("mp4", "aac", 44_100, 2, ("mp4", "aac"), picture=True),
    Kind("mp4", "aac", 44_100, 1, ("mp4", "aac"), options={"movflags": "frag_keyframe+empty_moov"}),
    Kind("matroska", "libmp3lame", 44_100, 1, ("matroska", "mp3"), picture=True),
]


def look(path: Path) -> Audio:
    return probe(path, name="interview", max_duration=60)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.container}-{kind.codec}")
def test_accepts_every_kind(tmp_path: Path, kind: Kind) -> None:
    path = write(
        tmp_path / "recording",
        tone(SECONDS, kind.rate, channels=kind.channels),
        codec=kind.codec,
        container=kind.container,
        rate=kind.rate,
        picture=kind.picture,
        options=kind.options,
    )
    found = look(path)
    assert (found.container, found.codec) == kind.called
    assert (found.sample_rate, found.channels) == (kind.rate, kind.channels)
    assert found.size == path.stat().st_size
    assert found.duration == pytest.approx(SECONDS, abs=0.15)
    # Half of it is a tone of -13.5 dBFS.
    assert found.quality.loudness_dbfs == pytest.approx(-16.5, abs=1)
    assert found.quality.silence_ratio == pytest.approx(0.5, abs=0.1)
    assert found.quality.clipping_ratio == 0


def flac(path: Path, signal: Signal) -> Path:
    return write(path, signal, codec="flac", container="flac")


def test_measures_the_samples() -> None:
    screening, technical = look_long(SCREENING), look_long(TECHNICAL)
    assert (screening.channels, technical.channels) == (2, 1)
    assert (screening.duration, technical.duration) == pytest.approx((98.191, 54.853), abs=0.001)
    assert screening.quality.snr_db is not None
    assert technical.quality.silence_ratio == pytest.approx(0.25, abs=0.1)


def look_long(path: Path) -> Audio:
    return probe(path, name=path.name, max_duration=14_400)


def test_hears_all_parts_of_a_long_recording(tmp_path: Path) -> None:
    signal = silence(40)
    signal[:, -20 * 16_000 :] = tone(20)
    quality = look(flac(tmp_path / "late.flac", signal)).quality
    assert quality.silence_ratio == pytest.approx(0.75, abs=0.05)


def test_hears_all_of_a_long_recording_that_claims_no_length(tmp_path: Path) -> None:
    signal = silence(40, 48_000)
    signal[:, -20 * 48_000 :] = tone(20, 48_000)
    options = {"live": "1"}
    path = write(
        tmp_path / "live.webm", signal, codec="libopus", container="webm", rate=48_000,
        options=options,
    )  # fmt: skip
    quality = look(path).quality
    assert quality.loudness_dbfs is not None
    assert quality.loudness_dbfs > -20


def test_counts_the_sound_when_the_header_claims_less(tmp_path: Path) -> None:
    # ADTS has no header: FFmpeg guesses 24 s of these 40 by the first frames' bit rate.
    path = write(tmp_path / "a.aac", tone(40, 48_000), codec="aac", container="adts", rate=48_000)
    assert look(path).duration == pytest.approx(40, abs=0.1)


def test_a_wav_file_from_a_pipe_has_no_length_in_its_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(SECONDS), codec="pcm_s16le", container="wav")
    data = bytearray(path.read_bytes())
    sizes = (4, data.index(b"data") + 4)
    for unknown in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00"):
        for at in sizes:
            data[at : at + 4] = unknown
        path.write_bytes(data)
        assert look(path).duration == pytest.approx(SECONDS, abs=0.01)


def test_digital_silence_has_no_level(tmp_path: Path) -> None:
    quality = look(flac(tmp_path / "silence.flac", silence(2))).quality
    assert (quality.loudness_dbfs, quality.snr_db, quality.silence_ratio) == (None, None, 1.0)


def written_quality(folder: Path, signal: Signal) -> AudioQuality:
    path = write(folder / "a.wav", signal, codec="pcm_f32le", container="wav")
    return probe(path, name="a.wav", max_duration=60).quality


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
def test_numbers_that_are_no_sound_do_not_spoil_the_figures(tmp_path: Path, value: float) -> None:
    signal = tone(2)
    expected = written_quality(tmp_path, signal)
    signal[0, 1000] = value
    quality = written_quality(tmp_path, signal)
    assert quality.loudness_dbfs == pytest.approx(expected.loudness_dbfs, abs=0.1)
    assert quality.snr_db == pytest.approx(expected.snr_db, abs=0.1)
