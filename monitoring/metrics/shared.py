"""Memory that a worker shares with its pool processes, for what must not depend on a disk."""

import mmap

_SIZE = 4096
_NAME = 64
"""Bytes for the name of the slot, the first of which is its length."""


class SharedState:
    """The worker's slot, and whether each of its children can store its metrics.

    Create it before the children are forked.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    @property
    def slot(self) -> str | None:
        """The worker's slot; None if it has none at the moment."""
        length = self._memory[0]
        return self._memory[1 : 1 + length].decode() if length else None

    @slot.setter
    def slot(self, slot: str | None) -> None:
        name = (slot or "").encode()
        # The length last, so that no child finds a part of the name.
        self._memory[0] = 0
        self._memory[1 : 1 + len(name)] = name
        self._memory[0] = len(name)

    def is_recording(self, child: int) -> bool:
        """Whether a child, given by its number, can store its metrics."""
        return self._memory[self._flag(child)] == 1

    def set_recording(self, child: int, *, is_recording: bool) -> None:
        """Set whether this child can store its metrics."""
        self._memory[self._flag(child)] = is_recording

    def _flag(self, child: int) -> int:
        return _NAME + child % (_SIZE - _NAME)
