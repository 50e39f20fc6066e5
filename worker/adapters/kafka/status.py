"""Consumer lag in Kafka."""

import threading
from collections.abc import Sequence
from typing import Any

from kafka.admin import OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition
from typing_extensions import override

from monitoring.collectors.consumers import ConsumerStatus, PartitionLag
from tasks.errors import Transient
from worker.adapters.kafka.connection import connect_admin


class KafkaStatus(ConsumerStatus):
    """A `ConsumerStatus` of one group and one topic.

    If the group has committed no offset, the lag is the whole partition, since consumers start at
    its beginning. Tansu, the embedded broker, counts batches instead of records; each batch of
    this service has one record.

    Args:
        bootstrap_servers: `host:port` of one broker or, separated by commas, of several.
        topic: The topic.
        group: The consumer group.
    """

    def __init__(self, bootstrap_servers: str, topic: str, group: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._group = group
        self._lock = threading.Lock()
        self._admin: Any = None

    @override
    def read(self) -> Sequence[PartitionLag]:
        with self._lock:
            try:
                if self._admin is None:
                    self._admin = connect_admin(self._bootstrap_servers)
                return self._lags()
            except KafkaError as error:
                self._disconnect()
                raise Transient(
                    f"Kafka at {self._bootstrap_servers} does not answer: {error}"
                ) from error

    def close(self) -> None:
        """Close the connection; reading opens it again."""
        with self._lock:
            self._disconnect()

    def _lags(self) -> list[PartitionLag]:
        partitions = self._partitions()
        if not partitions:
            return []
        firsts = self._offsets(partitions, OffsetSpec.EARLIEST)
        ends = self._offsets(partitions, OffsetSpec.LATEST)
        committed = self._admin.list_group_offsets({self._group: partitions})[self._group]
        lags = []
        for partition in partitions:
            found = committed.get(partition)
            known = found is not None and found.offset >= 0
            reached = found.offset if known else firsts[partition].offset
            behind = max(0, ends[partition].offset - reached)
            lags.append(PartitionLag(self._topic, partition.partition, self._group, behind))
        return lags

    def _partitions(self) -> list[TopicPartition]:
        topics = self._admin.describe_topics([self._topic])
        numbers = [p["partition_index"] for topic in topics for p in topic["partitions"]]
        return [TopicPartition(self._topic, number) for number in sorted(numbers)]

    def _offsets(self, partitions: Sequence[TopicPartition], spec: OffsetSpec) -> Any:
        return self._admin.list_partition_offsets(dict.fromkeys(partitions, spec))

    def _disconnect(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None
