"""Recordings in GridFS."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from gridfs import GridFSBucket
from pymongo import IndexModel, WriteConcern
from pymongo.database import Database
from typing_extensions import override

from tasks.clock import now
from tasks.errors import NotFound
from tasks.ports import AudioStore
from worker.adapters.mongo.client import Document, mapped_errors
from worker.adapters.scratch import scratch_file

_CHUNK = 1 << 20
"""Bytes in a chunk: a quarter of the round trips of the default, far below the 16 MB limit."""

_UNAWAITED = WriteConcern(w=1, j=False)
"""Not awaited: the update that follows waits until it and all earlier writes are durable."""


class GridFSAudio(AudioStore):
    """An `AudioStore` in the bucket `audio`; a recording's file id is its interview's id."""

    def __init__(self, database: Database[Document]) -> None:
        self._bucket = GridFSBucket(database, bucket_name="audio")
        self._files = database["audio.files"]
        self._chunks = database.get_collection("audio.chunks", write_concern=_UNAWAITED)

    def prepare(self) -> None:
        """Create the index that GridFS requires; idempotent."""
        with mapped_errors():
            self._chunks.create_indexes([IndexModel([("files_id", 1), ("n", 1)], unique=True)])

    @override
    def save(self, interview_id: str, name: str, stream: BinaryIO) -> None:
        """Store a recording, one chunk at a time.

        Writes by the GridFS specification instead of using pymongo's bucket, which writes the file
        document last and checks for its indexes at every upload. Here the file document comes
        first and gets its length last, so that the chunks of an interrupted upload can be found.
        """
        self.delete(interview_id)
        file = {"_id": interview_id, "filename": name, "chunkSize": _CHUNK, "uploadDate": now()}
        with mapped_errors():
            self._files.with_options(write_concern=_UNAWAITED).insert_one(file)
        try:
            length = self._write_chunks(interview_id, stream)
        except BaseException:
            self.delete(interview_id)
            raise
        with mapped_errors():
            self._files.update_one({"_id": interview_id}, {"$set": {"length": length}})

    @override
    @contextmanager
    def local_copy(self, interview_id: str) -> Iterator[Path]:
        with scratch_file() as (copy, path):
            with mapped_errors():
                file = self._files.find_one({"_id": interview_id, "length": {"$gte": 0}})
                if file is None:
                    raise NotFound(f"there is no recording of {interview_id}")
                self._bucket.download_to_stream(interview_id, copy)
            copy.flush()
            yield path

    @override
    def delete(self, interview_id: str) -> None:
        with mapped_errors():
            self._files.delete_one({"_id": interview_id})
        self._delete_chunks(interview_id)

    @override
    def saved_before(self, before: datetime, limit: int, after: str = "") -> Sequence[str]:
        query = {"_id": {"$gt": after}, "uploadDate": {"$lt": before}}
        with mapped_errors():
            found = self._files.find(query, {"_id": True}, sort=[("_id", 1)], limit=limit)
            return [one["_id"] for one in found]

    def _write_chunks(self, interview_id: str, stream: BinaryIO) -> int:
        length = 0
        for number, data in enumerate(iter(lambda: stream.read(_CHUNK), b"")):
            with mapped_errors():
                self._chunks.insert_one({"files_id": interview_id, "n": number, "data": data})
            length += len(data)
        return length

    def _delete_chunks(self, interview_id: str) -> None:
        with mapped_errors():
            self._chunks.delete_many({"files_id": interview_id})
