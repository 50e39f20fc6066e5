"""Publication of lifecycle events to a Kafka topic."""

import contextlib
import threading
from collections.abc import Sequence

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.producer.future import FutureRecordMetadata

from monitoring.trace_context import continue_trace
from tasks.context import bound_context
from tasks.errors import Transient
from tasks.interviews.events import CONTENT_TYPE, Event, cloud_event_json
from tasks.signals import RecordProduced, record_produced
from worker.adapters.kafka.connection import connect, ensure_topic

# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
_HEADERS = [("content-type", CONTENT_TYPE.encode())]

# The delivery time-out is shorter than the one of the flush, so that a batch fails first.
_REQUEST_MS = 2000
_DELIVERY_MS = 3000
_FLUSH_SECONDS = 4.0


class KafkaEvents:
    """Publishes CloudEvents 1.0 in structured mode, keyed by the id of the interview.

    Connects at the first publication, and again after a failure. All events of an interview go to
    one partition, in order. After a failure, some events may have been published; they keep their
    ids when they are published again.
    """

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        """Configure the topic.

        Args:
            bootstrap_servers: `host:port` of one broker or, separated by commas, of several.
            topic: The topic; created if it does not exist.
        """
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None

    def publish(self, events: Sequence[Event]) -> None:
        """Publish events in order; returns once all in-sync replicas have them.

        Raises:
            Transient: Kafka did not accept all events within about five seconds.
        """
        if not events:
            return
        with self._lock:
            sent: list[FutureRecordMetadata] = []
            try:
                self._send(self._connected(), events, sent)
            except KafkaError as error:
                self._disconnect(0)
                raise Transient(
                    f"Kafka at {self._bootstrap_servers} did not take the events: {error}"
                ) from error
            finally:
                out = sum(future.succeeded() for future in sent)
                for number in range(len(events)):
                    record_produced.send(RecordProduced(self._topic, number < out))

    def close(self) -> None:
        """Close the connection; the next publication opens it again."""
        with self._lock:
            self._disconnect(1)

    def _send(
        self, producer: KafkaProducer, events: Sequence[Event], sent: list[FutureRecordMetadata]
    ) -> None:
        for event in events:
            with continue_trace(event.traceparent), bound_context(interview_id=event.interview_id):
                sent.append(
                    producer.send(
                        self._topic,
                        key=event.interview_id.encode(),
                        value=cloud_event_json(event).encode(),
                        # A new list each time, since the tracing instrumentation appends to it.
                        headers=[*_HEADERS],
                    )
                )
        producer.flush(timeout=_FLUSH_SECONDS)
        for future in sent:
            future.get(timeout=0)

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            ensure_topic(self._bootstrap_servers, self._topic)
            self._producer = connect(
                KafkaProducer,
                self._bootstrap_servers,
                acks="all",
                enable_idempotence=True,
                max_block_ms=_REQUEST_MS,
                request_timeout_ms=_REQUEST_MS,
                delivery_timeout_ms=_DELIVERY_MS,
                reconnect_backoff_max_ms=500,
            )
        return self._producer

    def _disconnect(self, seconds: float) -> None:
        if self._producer is not None:
            with contextlib.suppress(KafkaError):
                self._producer.close(timeout=seconds)
            self._producer = None
