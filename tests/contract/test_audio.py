"""The contract of `AudioStore`, for the fake and GridFS."""

import io
import random
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from tasks.clock import now
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
    recording = random.Random(size).randbytes(size)
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
    with pytest.raises(NotFound):
        content(store, "one")


def test_deletes(store: AudioStore) -> None:
    store.save("one", "a.flac", io.BytesIO(b"sound"))
    store.save("two", "a.flac", io.BytesIO(b"other"))
    store.delete("one")
    store.delete("one")
    with pytest.raises(NotFound):
        content(store, "one")
    assert content(store, "two") == b"other"


def test_lists_what_was_saved_before_a_moment(store: AudioStore) -> None:
    for name in ("two", "one", "three"):
        store.save(name, "a.flac", io.BytesIO(b"sound"))
    later = now() + timedelta(seconds=1)
    assert list(store.saved_before(later, 9)) == ["one", "three", "two"]
    assert list(store.saved_before(later, 2)) == ["one", "three"]
    assert list(store.saved_before(later, 9, after="one")) == ["three", "two"]
    assert list(store.saved_before(later - timedelta(minutes=1), 9)) == []


def test_what_a_killed_upload_has_left_is_found_and_removed(
    store: AudioStore, database: Database[dict[str, Any]]
) -> None:
    if isinstance(store, MemoryAudio):
        pytest.skip("the fake is never killed")
    store.save("one", "a.flac", io.BytesIO(b"sound"))
    # The length is written last.
    database["audio.files"].update_one({"_id": "one"}, {"$unset": {"length": ""}})
    with pytest.raises(NotFound):
        content(store, "one")
    assert list(store.saved_before(now() + timedelta(seconds=1), 9)) == ["one"]
    store.delete("one")
    assert not database["audio.chunks"].count_documents({})
