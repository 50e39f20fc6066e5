"""The level of a process and of those it forks, which can be changed while they run."""

import logging
import mmap
from typing import Literal

LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Level:
    """The level of the root logger, in memory that is shared with processes forked later.

    Args:
        name: The level at first.
    """

    def __init__(self, name: LevelName) -> None:
        # Anonymous memory stays common to parent and children.
        self._shared = mmap.mmap(-1, 1)
        self.set(name)

    def set(self, name: LevelName) -> None:
        """Change it: in this process now, and in those that share it when they next look."""
        self._shared[0] = logging.getLevelNamesMapping()[name]
        self.refresh()

    def refresh(self) -> None:
        """Look whether it was changed; costs next to nothing."""
        root = logging.getLogger()
        if root.level != self._shared[0]:
            root.setLevel(self._shared[0])
