"""An `AudioStore` in a dictionary."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tasks.errors import NotFound


class MemoryAudio:
    def __init__(self) -> None:
        self.recordings: dict[str, bytes] = {}

    def save(self, interview_id: str, name: str, stream: BinaryIO) -> None:
        del name
        self.recordings[interview_id] = stream.read()

    def has(self, interview_id: str) -> bool:
        return interview_id in self.recordings

    @contextmanager
    def local_copy(self, interview_id: str) -> Iterator[Path]:
        if interview_id not in self.recordings:
            raise NotFound(f"there is no recording of {interview_id}")
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.recordings[interview_id])
            file.flush()
            yield Path(file.name)

    def delete(self, interview_id: str) -> None:
        self.recordings.pop(interview_id, None)
