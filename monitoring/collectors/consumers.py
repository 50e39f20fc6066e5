"""Consumers of an event log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a consumer group is behind in one partition.

    Attributes:
        topic: The topic.
        partition: The partition's number.
        group: The consumer group.
        records: Records that it has not come to yet.
    """

    topic: str
    partition: int
    group: str
    records: int


class ConsumerStatus(Protocol):
    """Something to read the lag of consumers from."""

    def read(self) -> Sequence[PartitionLag]:
        """Ask the broker.

        Raises:
            Transient: It does not answer.
        """
