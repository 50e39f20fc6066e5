"""Consumption of requests for interviews from a Kafka topic."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import InvalidSessionTimeoutError, KafkaError
from kafka.structs import OffsetAndMetadata

from monitoring.trace_context import continue_trace
from tasks.errors import Permanent, Transient
from tasks.signals import RecordConsumed, record_consumed
from worker.adapters.kafka.connection import connect, ensure_topic
from worker.adapters.kafka.message import RequestMessage, read_message

Handle = Callable[[RequestMessage], None]
"""Processes a message; called again if the message is delivered again."""

Reject = Callable[[RequestMessage, Permanent], None]
"""Records a message that cannot be processed, and the reason."""

_POLL_MS = 500
_RETRY_MS = 1000
_SESSION_MS = 30_000

log = logging.getLogger(__name__)


class KafkaRequests:
    """Handles each message of a topic at least once, in the order of its partition."""

    def __init__(
        self, bootstrap_servers: str, topic: str, group: str, *, max_poll_interval: float = 10.0
    ) -> None:
        """Configure the topic and the consumer group.

        Args:
            bootstrap_servers: `host:port` of one broker or, separated by commas, of several.
            topic: The topic; created if it does not exist.
            group: The consumer group, which shares the partitions among its members.
            max_poll_interval: The longest a message may take, in seconds, before Kafka gives it to
                another member of the group. Tansu holds a new member back for half of
                it. It is also the session timeout, 30 at most, which the broker must allow:
                Apache Kafka admits no session below 6 seconds (`group.min.session.timeout.ms`).
        """
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._group = group
        self._max_poll_interval_ms = int(max_poll_interval * 1000)
        # Tansu does not admit a member whose session time-out exceeds its poll interval.
        self._session_ms = min(_SESSION_MS, self._max_poll_interval_ms)

    def run(self, handle: Handle, stop: threading.Event, *, reject: Reject) -> None:
        """Handle messages until stopped; reconnect while Kafka is unavailable.

        A message is committed once it is handled or rejected. If it raises `Transient`, it is
        retried and later messages wait; if it raises `Permanent`, it is rejected.

        Args:
            handle: Processes a message.
            stop: Set to stop; takes up to a second after the current message.
            reject: Records a message that cannot be parsed or processed.
        """
        while not stop.is_set():
            try:
                with contextlib.closing(self._connected()) as consumer:
                    while not stop.is_set():
                        self._step(consumer, handle, reject)
            except KafkaError as error:
                log.warning("connecting to Kafka again: %s", self._explained(error))
                stop.wait(_RETRY_MS / 1000)

    def _connected(self) -> Any:
        ensure_topic(self._bootstrap_servers, self._topic)
        consumer = connect(
            KafkaConsumer,
            self._bootstrap_servers,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_interval_ms=self._max_poll_interval_ms,
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=self._session_ms // 6,
            reconnect_backoff_max_ms=1000,
        )
        consumer.subscribe([self._topic])
        return consumer

    def _step(self, consumer: Any, handle: Handle, reject: Reject) -> None:
        for partition, records in consumer.poll(timeout_ms=_POLL_MS, max_records=1).items():
            for record in records:
                try:
                    status = _settle(record, handle, reject)
                except Transient as error:
                    log.warning("trying a message again: %s", error)
                    self._announce("error")
                    consumer.seek(partition, record.offset)
                    _pause(consumer)
                else:
                    consumer.commit({partition: OffsetAndMetadata(record.offset + 1)})
                    self._announce(status)

    def _explained(self, error: KafkaError) -> str:
        if isinstance(error, InvalidSessionTimeoutError):
            return (
                f"it refuses a session timeout of {self._session_ms / 1000:g} seconds; allow it by "
                "the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"
            )
        return str(error)

    def _announce(self, status: str) -> None:
        record_consumed.send(RecordConsumed(self._topic, status))


def _settle(record: Any, handle: Handle, reject: Reject) -> str:
    position = f"{record.topic}-{record.partition}-{record.offset}"
    fault: Permanent | None
    message, fault = read_message(position, record.key, record.value, record.headers)
    if fault is None:
        try:
            with continue_trace(_traceparent(record.headers)):
                handle(message)
        except Permanent as error:
            fault = error
        else:
            return "success"
    reject(message, fault)
    return "rejected"


def _traceparent(headers: Iterable[tuple[str, bytes]]) -> str | None:
    found = (value for name, value in headers if name == "traceparent")
    return next((value.decode(errors="replace") for value in found), None)


def _pause(consumer: Any) -> None:
    # Keep polling, so that the group does not remove this member.
    consumer.pause(*consumer.assignment())
    for partition, records in consumer.poll(timeout_ms=_RETRY_MS).items():
        consumer.seek(partition, records[0].offset)  # a partition that was just assigned
    consumer.resume(*consumer.paused())
