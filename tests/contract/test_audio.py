"""The contract of `AudioStore`, held by the fake and by GridFS alike."""

import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import NotFound
from tasks.ports import AudioStore
from tests.fakes.audio import MemoryAudio


@pytest.fixture(params=["memory", "gridfs"])
def store(request: pytest.FixtureRequest) -> AudioStore:
    if request.param == "memory":
        return MemoryAudio()
    from worker.adapters.mongo import GridFSAudio

    gridfs = GridFSAudio(request.getfixturevalue("database"))
    gridfs.prepare()
    return gridfs


class Unreadable(io.RawIOBase):
    def readinto(self, _buffer: Any) -> int:
        raise OSError("the disk broke")

    def readable(self) -> bool:
        return True


def content(store: AudioStore, interview_id: str) -> bytes:
    with store.local_copy(interview_id) as file:
        return file.read_bytes()


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, 3 * (1 << 20) + 7])
def test_gives_back_what_was_saved(store: AudioStore, size: int) -> None:
    recording = os.urandom(size)
    store.save("one", "a.flac", io.BytesIO(recording))
    assert content(store, "one") == recording


def test_the_copy_is_gone_afterwards(store: AudioStore) -> None:
    store.save("one", "a.flac", io.BytesIO(b"sound"))
    with store.local_copy("one") as file:
        pass
    assert not file.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the copy has a name")
def test_the_copy_is_in_no_directory(
    store: AudioStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(store, MemoryAudio):
        pytest.skip("the fake is never killed")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store.save("one", "a.flac", io.BytesIO(b"sound"))
    with store.local_copy("one") as file:
        assert file.read_bytes() == b"sound"
        assert not list(tmp_path.iterdir())


def test_saving_again_replaces(store: AudioStore) -> None:
    store.save("one", "a.flac", io.BytesIO(b"first"))
    store.save("one", "b.flac", io.BytesIO(b"second"))
    assert content(store, "one") == b"second"


def test_a_save_that_breaks_off_leaves_nothing(store: AudioStore) -> None:
    with pytest.raises(OSError, match="disk"):
        store.save("one", "a.flac", io.BufferedReader(Unreadable()))
    assert not store.has("one")
    with pytest.raises(NotFound):
        content(store, "one")


def test_deletes(store: AudioStore) -> None:
    store.save("one", "a.flac", io.BytesIO(b"sound"))
    store.save("two", "a.flac", io.BytesIO(b"other"))
    assert store.has("one")
    store.delete("one")
    store.delete("one")
    assert not store.has("one")
    assert store.has("two")
    with pytest.raises(NotFound):
        content(store, "one")
    assert content(store, "two") == b"other"
