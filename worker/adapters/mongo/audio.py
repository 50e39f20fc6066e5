"""Recordings in GridFS."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gridfs import GridFSBucket, NoFile
from pymongo import IndexModel, WriteConcern
from pymongo.database import Database

from tasks.clock import now
from tasks.errors import NotFound
from worker.adapters.mongo.client import Document, translated
from worker.adapters.scratch import scratch_file

_CHUNK = 1 << 20
"""Bytes a chunk: a fourth of the round trips of GridFS's default, and far below the 16 MB limit."""


class GridFSAudio:
    """An `AudioStore` in the bucket `audio`; a recording's file id is its interview's id."""

    def __init__(self, database: Database[Document]) -> None:
        self._bucket = GridFSBucket(database, bucket_name="audio")
        self._files = database["audio.files"]
        # The write that follows, of the file or of the interview, waits until it is safe, and
        # with it all that was written before.
        unawaited = WriteConcern(w=1, j=False)
        self._chunks = database.get_collection("audio.chunks", write_concern=unawaited)

    def prepare(self) -> None:
        """Create the index that GridFS asks for; doing it again changes nothing."""
        with translated():
            self._chunks.create_indexes([IndexModel([("files_id", 1), ("n", 1)], unique=True)])

    def save(self, interview_id: str, name: str, stream: BinaryIO) -> None:
        """Store a recording, a chunk at a time; see `AudioStore.save`.

        Written here by the GridFS specification: pymongo's bucket first looks, at every upload,
        whether there is anything in the collections, to create the index that `prepare` creates;
        on the embedded database that costs more than the upload.
        """
        self.delete(interview_id)
        try:
            length = self._write_chunks(interview_id, stream)
        except BaseException:
            self._delete_chunks(interview_id)
            raise
        with translated():
            self._files.insert_one(
                {
                    "_id": interview_id,
                    "filename": name,
                    "length": length,
                    "chunkSize": _CHUNK,
                    "uploadDate": now(),
                }
            )

    def has(self, interview_id: str) -> bool:
        """Whether there is all of a recording; see `AudioStore.has`."""
        # The file's document is written after its chunks.
        with translated():
            return self._files.find_one({"_id": interview_id}, {"_id": True}) is not None

    @contextmanager
    def local_copy(self, interview_id: str) -> Iterator[Path]:
        """Copy a recording to a temporary file; see `AudioStore.local_copy`."""
        with scratch_file() as (copy, path):
            try:
                with translated():
                    self._bucket.download_to_stream(interview_id, copy)
            except Exception as error:
                if isinstance(error.__cause__, NoFile):
                    raise NotFound(f"there is no recording of {interview_id}") from error
                raise
            copy.flush()
            yield path

    def delete(self, interview_id: str) -> None:
        """Remove a recording; see `AudioStore.delete`."""
        with translated():
            self._files.delete_one({"_id": interview_id})
        self._delete_chunks(interview_id)

    def _write_chunks(self, interview_id: str, stream: BinaryIO) -> int:
        length = 0
        for number, data in enumerate(iter(lambda: stream.read(_CHUNK), b"")):
            with translated():
                self._chunks.insert_one({"files_id": interview_id, "n": number, "data": data})
            length += len(data)
        return length

    def _delete_chunks(self, interview_id: str) -> None:
        with translated():
            self._chunks.delete_many({"files_id": interview_id})
