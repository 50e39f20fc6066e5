"""What a database tells of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DatabaseStats:
    """A database server at one moment; None is what it does not tell us.

    Attributes:
        role: primary, secondary, router or standalone.
        connections: Open connections.
        available: Connections that it would still accept.
        operations: Operations since it started, by type.
    """

    role: str
    connections: int | None = None
    available: int | None = None
    operations: Mapping[str, int] = field(default_factory=dict)


class DatabaseStatus(Protocol):
    """Something to read a database's figures from."""

    def read(self) -> DatabaseStats:
        """Ask the server.

        Raises:
            Transient: It does not answer.
        """
