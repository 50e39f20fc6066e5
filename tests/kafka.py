"""Kafka producers and consumers for tests."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from tests.contract_servers.kinds import kind_named
from tests.timing import allowed, patience, wait_until
from worker.adapters.kafka import KafkaRequests
from worker.adapters.kafka.connection import connect
from worker.adapters.kafka.requests import Handle, Reject
from worker.local.embedded.kafka import Kafka


def write(bootstrap_servers: str, topic: str, *bodies: bytes | None, **options: Any) -> None:
    with closing(connect(KafkaProducer, bootstrap_servers)) as producer:
        for body in bodies:
            producer.send(topic, value=body, partition=0, **options).get(timeout=allowed(10))


def poll_interval() -> float:
    """The shortest interval of a consumer that the broker admits.

    Tansu lets a new member of a group wait for half of it. Apache Kafka admits no session below six
    seconds (`group.min.session.timeout.ms`), and the session is no longer than the interval.
    """
    return 2 if isinstance(kind_named("kafka"), Kafka) else 6


@contextmanager
def consumed(
    servers: str, topic: str, group: str, handle: Handle, reject: Reject
) -> Iterator[None]:
    """Run a consumer of a topic while the context is active."""
    stop = threading.Event()
    requests = KafkaRequests(servers, topic, group, max_poll_interval=poll_interval())
    thread = threading.Thread(target=requests.run, args=(handle, stop), kwargs={"reject": reject})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(patience(20))
        assert not thread.is_alive()


def read(bootstrap_servers: str, topic: str, count: int) -> list[Any]:
    """Wait for at least this many records of a topic, and return all that were read."""
    with closing(
        connect(
            KafkaConsumer, bootstrap_servers, auto_offset_reset="earliest", enable_auto_commit=False
        )
    ) as consumer:
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        records: list[Any] = []

        def complete() -> bool:
            for batch in consumer.poll(timeout_ms=500).values():
                records.extend(batch)
            return len(records) >= count

        wait_until(complete)
    return records


def read_json(bootstrap_servers: str, topic: str, count: int) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in read(bootstrap_servers, topic, count)]
