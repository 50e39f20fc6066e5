"""Who of several processes does what only one should."""

from typing import Protocol


class Leadership(Protocol):
    """Lets one of several processes do something."""

    def hold(self, seconds: float) -> bool:
        """Become or stay the leader for so long; False where another one is."""
