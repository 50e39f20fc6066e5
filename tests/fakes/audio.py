"""An `AudioStore` in a dictionary."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from tasks.clock import now
from tasks.errors import NotFound


class MemoryAudio:
    def __init__(self) -> None:
        self.recordings: dict[str, bytes] = {}
        self._saved: dict[str, datetime] = {}

    def save(self, interview_id: str, name: str, stream: BinaryIO) -> None:
        del name
        self.recordings[interview_id] = stream.read()
        self._saved[interview_id] = now()

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

    def saved_before(self, before: datetime, limit: int, after: str = "") -> Sequence[str]:
        found = sorted(one for one in self.recordings if one > after)
        return [one for one in found if self._saved[one] < before][:limit]
