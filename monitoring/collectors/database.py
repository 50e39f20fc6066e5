"""The port that reads a database's server statistics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DatabaseStats:
    """Statistics of a database server; values that it does not report are None.

    Attributes:
        role: primary, secondary, router or standalone.
        connections: Open connections.
        available: Remaining connections that the server accepts.
        operations: Operations since the server started, by type.
    """

    role: str
    connections: int | None = None
    available: int | None = None
    operations: Mapping[str, int] = field(default_factory=dict)


class DatabaseStatus(Protocol):
    """Reads the statistics of a database."""

    def read(self) -> DatabaseStats:
        """Read the statistics from the server.

        Raises:
            Transient: The server is unavailable.
        """
