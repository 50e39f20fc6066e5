"""The port that reads consumer lag."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The lag of a consumer group in one partition.

    Attributes:
        topic: The topic.
        partition: The partition's number.
        group: The consumer group.
        records: Records not yet consumed.
    """

    topic: str
    partition: int
    group: str
    records: int


class ConsumerStatus(Protocol):
    """Reads the lag of consumers."""

    def read(self) -> Sequence[PartitionLag]:
        """Read the lag from the broker.

        Raises:
            Transient: The broker is unavailable.
        """
