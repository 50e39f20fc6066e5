"""A log level that can be changed at run time, shared by a process and its forks."""

import logging
import mmap
from typing import Literal

LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Level:
    """The level of the root logger, in memory shared with processes forked later.

    Args:
        name: The initial level.
    """

    def __init__(self, name: LevelName) -> None:
        # Anonymous memory is shared between parent and children.
        self._shared = mmap.mmap(-1, 1)
        self.set(name)

    def set(self, name: LevelName) -> None:
        """Change the level: here at once, in the other processes at their next `refresh`."""
        self._shared[0] = logging.getLevelNamesMapping()[name]
        self.refresh()

    def refresh(self) -> None:
        """Apply a changed level; cheap enough to call for every task."""
        root = logging.getLogger()
        if root.level != self._shared[0]:
            root.setLevel(self._shared[0])
