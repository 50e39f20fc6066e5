"""Recordings that are rejected, each with its error code."""

import random
import socket
import wave
from pathlib import Path

import pytest

from tasks.errors import InterviewWorkerError, InvalidAudio
from tests.recordings import repeat, silence, tone, write
from tests.samples import TECHNICAL
from worker.adapters.media import probe, read_blocks

LONGEST = 60.0


def refusal(path: Path, max_duration: float = LONGEST) -> str:
    with pytest.raises(InvalidAudio) as caught:
        probe(path, name="interview", max_duration=max_duration)
    assert caught.value.pointer == "/audio"
    assert "\n" not in caught.value.message
    return caught.value.code


def flac(path: Path, seconds: float = 5.0) -> Path:
    return write(path, tone(seconds), codec="flac", container="flac")


@pytest.mark.parametrize(
    "content",
    [
        b"hello, this is a text\n" * 1000,
        b"\x89PNG\r\n\x1a\n" + bytes(5000),
        bytes(100_000),
        b"\xff" * 100_000,
        random.Random(1).randbytes(200_000),
    ],
    ids=["text", "picture", "zeros", "ones", "noise"],
)
def test_what_is_not_audio(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "interview.mp3"
    path.write_bytes(content)
    assert refusal(path) == "not_audio"


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert refusal(tmp_path / "empty.wav") == "empty"


def test_what_is_not_a_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "not_audio"
    assert refusal(tmp_path / "missing") == "not_audio"
    assert refusal(Path("http://127.0.0.1/a.flac")) == "not_audio"


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:60\n#EXTINF:54,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
    ],
    ids=["hls", "ffconcat"],
)
def test_playlists_lead_nowhere(tmp_path: Path, playlist: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.flac"
        for target in (str(TECHNICAL), f"file://{TECHNICAL}", "/etc/passwd", url):
            path = tmp_path / "interview.flac"
            path.write_text(playlist.format(target))
            assert refusal(path) == "not_audio"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_no_audio_track(tmp_path: Path) -> None:
    path = write(tmp_path / "film.mp4", None, codec="aac", container="mp4", picture=True)
    assert refusal(path) == "no_audio_track"


def test_zero_length(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as output:
        output.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
    assert refusal(tmp_path / "a.wav") == "zero_length"


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("flac", "flac", 16_000),
        ("wav", "pcm_s16le", 16_000),
        ("wav", "pcm_f32le", 16_000),
        ("mp3", "libmp3lame", 44_100),
        ("ipod", "aac", 44_100),
        ("webm", "libopus", 48_000),
    ],
)
def test_truncated(tmp_path: Path, container: str, codec: str, rate: int) -> None:
    path = write(tmp_path / "cut", tone(6, rate), codec=codec, container=container, rate=rate)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path) == "truncated"


def test_truncated_with_its_index_at_the_front(tmp_path: Path) -> None:
    path = write(
        tmp_path / "cut.mp4", tone(6, 44_100), codec="aac", container="mp4", rate=44_100,
        picture=True, options={"movflags": "faststart"},
    )  # fmt: skip
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    assert refusal(path) == "truncated"


def test_too_long(tmp_path: Path) -> None:
    assert refusal(flac(tmp_path / "long.flac", LONGEST + 1)) == "too_long"


@pytest.mark.slow
def test_ten_hours_of_silence(tmp_path: Path) -> None:
    path = repeat(tmp_path / "silence.mkv", silence(1), times=36_000)
    assert path.stat().st_size < 10_000_000
    assert refusal(path, max_duration=14_400) == "too_long"


def test_too_many_channels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(1, channels=6), codec="pcm_s16le", container="wav")
    assert refusal(path) == "unsupported_channels"


def test_absurd_sample_rates(tmp_path: Path) -> None:
    for rate in (100, 600_000):
        path = write(
            tmp_path / "a.wav", tone(1, rate), codec="pcm_s16le", container="wav", rate=rate
        )
        assert refusal(path) == "suspicious"


def test_too_many_tracks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", tone(1), codec="flac", container="matroska", tracks=40)
    assert refusal(path) == "suspicious"


def test_an_unknown_codec(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(1), codec="adpcm_ima_wav", container="wav")
    assert refusal(path) == "unsupported_codec"


def test_sound_that_cannot_be_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", tone(2), codec="flac", container="matroska")
    content = path.read_bytes()
    start = content.index(b"\xff\xf8")
    path.write_bytes(content[:start] + content[start:].replace(b"\xff\xf8", b"\x00\x00"))
    assert refusal(path) == "undecodable"


def test_more_channels_on_the_way(tmp_path: Path) -> None:
    mono, many = (
        write(tmp_path / f"{channels}.aac", tone(2, 48_000, channels=channels), codec="aac",
              container="adts", rate=48_000)
        for channels in (1, 8)
    )  # fmt: skip
    joined = tmp_path / "joined.aac"
    joined.write_bytes(mono.read_bytes() + many.read_bytes())
    assert probe(joined, name="interview", max_duration=LONGEST).channels == 1
    blocks = read_blocks(joined, split=False, max_duration=LONGEST)
    assert sum(block.duration for block in blocks) == pytest.approx(2, abs=0.2)


def test_damage_never_crashes(tmp_path: Path) -> None:
    luck = random.Random(7)
    kinds = [("flac", "flac"), ("ipod", "aac"), ("mp3", "libmp3lame"), ("webm", "libopus")]
    for container, codec in kinds:
        path = write(tmp_path / codec, tone(2, 48_000), codec=codec, container=container,
                     rate=48_000)  # fmt: skip
        whole = path.read_bytes()
        for damage in (1, 3, 10, 30, 100, 300):
            content = bytearray(whole)
            for _ in range(damage):
                content[luck.randrange(len(content))] = luck.randrange(256)
            path.write_bytes(content)
            try:
                found = probe(path, name="interview", max_duration=LONGEST)
                heard = sum(
                    block.duration for block in read_blocks(path, split=False, max_duration=LONGEST)
                )
            except InterviewWorkerError:
                continue
            assert heard <= found.duration + 1


def test_shorter_than_anybody_hears(tmp_path: Path) -> None:
    path = flac(tmp_path / "a.flac", 0.0004)
    assert refusal(path) == "zero_length"
