"""Decoding of recordings in blocks."""

from pathlib import Path

import av
import numpy as np
import pytest

from tasks.errors import Permanent
from tests.recordings import tone, write
from worker.adapters.media import SAMPLE_RATE, probe, read_blocks


def test_blocks_join_to_the_whole(tmp_path: Path) -> None:
    signal = tone(25.3)
    path = write(tmp_path / "a.flac", signal, codec="flac", container="flac")
    blocks = list(read_blocks(path, split=False, max_duration=30, block_seconds=10))
    assert len(blocks) == 3
    assert all(block.duration <= 10 for block in blocks)
    ends = np.cumsum([block.duration for block in blocks])
    assert [block.start for block in blocks] == pytest.approx([0, *ends[:-1]])
    joined = np.concatenate([block.channels[0] for block in blocks])
    assert joined.dtype == np.float32
    np.testing.assert_allclose(joined, signal[0], atol=1e-4)


def test_blocks_end_in_pauses(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(25), codec="flac", container="flac")
    blocks = list(read_blocks(path, split=False, max_duration=30, block_seconds=10.2))
    # The tone sounds in the first half of each second.
    assert all(0.5 < block.start % 1 < 1 for block in blocks[1:])


def test_channels_stay_apart(tmp_path: Path) -> None:
    signal = tone(3, 44_100, channels=2)
    signal[1] = 0
    path = write(tmp_path / "a.wav", signal, codec="pcm_s16le", container="wav", rate=44_100)
    (block,) = read_blocks(path, split=True, max_duration=10)
    left, right = block.channels
    assert np.abs(left).max() == pytest.approx(0.3, abs=0.01)
    assert np.abs(right).max() == 0
    assert len(left) == pytest.approx(3 * SAMPLE_RATE, abs=50)

    (mixed,) = read_blocks(path, split=False, max_duration=10)
    assert np.abs(mixed.channels[0]).max() == pytest.approx(0.15, abs=0.01)


def test_damaged_frames_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", tone(10, 44_100), codec="libmp3lame", container="mp3",
                 rate=44_100)  # fmt: skip
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    heard = sum(block.duration for block in read_blocks(path, split=False, max_duration=20))
    assert 9 < heard < 10.2


def test_a_pause_of_the_recorder_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    with av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for second in (10, 15):
            sound = np.full((1, SAMPLE_RATE), 3277, np.int16)
            frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, second * SAMPLE_RATE
            output.mux(stream.encode(frame))
    blocks = list(read_blocks(path, split=False, max_duration=10, block_seconds=2))
    joined = np.concatenate([block.channels[0] for block in blocks])
    seconds = [
        float(np.abs(joined[n * SAMPLE_RATE :][: SAMPLE_RATE - 50]).mean()) for n in range(6)
    ]
    assert len(joined) == pytest.approx(6 * SAMPLE_RATE, abs=50)
    assert seconds == pytest.approx([0.1, 0, 0, 0, 0, 0.1], abs=0.001)
    assert probe(path, name="a.mka", max_duration=10).duration == pytest.approx(6)


def test_much_damage_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", tone(30), codec="aac", container="mp4")
    content = bytearray(path.read_bytes())
    first, last = len(content) // 5, len(content) * 4 // 5
    content[first:last] = np.random.default_rng(1).bytes(last - first)
    path.write_bytes(content)
    with pytest.raises(Permanent) as caught:
        list(read_blocks(path, split=False, max_duration=60))
    assert caught.value.code == "invalid_audio"


def test_more_sound_than_allowed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(30), codec="flac", container="flac")
    with pytest.raises(Permanent) as caught:
        list(read_blocks(path, split=False, max_duration=12, block_seconds=5))
    assert caught.value.code == "invalid_audio"


def test_nothing_to_decode(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", tone(2), codec="flac", container="matroska")
    path.write_bytes(path.read_bytes().replace(b"\xff\xf8", b"\x00\x00"))
    with pytest.raises(Permanent) as caught:
        list(read_blocks(path, split=False, max_duration=12))
    assert caught.value.code == "invalid_audio"
