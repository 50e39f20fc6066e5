"""Apache Kafka: the home of `kafka-python`."""

from worker.adapters.kafka.events import KafkaEvents
from worker.adapters.kafka.message import RequestMessage
from worker.adapters.kafka.requests import KafkaRequests

__all__ = ["KafkaEvents", "KafkaRequests", "RequestMessage"]
