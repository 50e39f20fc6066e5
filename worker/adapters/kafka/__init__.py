"""Adapters for Apache Kafka; the only package that imports kafka-python."""

from worker.adapters.kafka.events import KafkaEvents
from worker.adapters.kafka.message import RequestMessage
from worker.adapters.kafka.requests import KafkaRequests
from worker.adapters.kafka.status import KafkaStatus

__all__ = ["KafkaEvents", "KafkaRequests", "KafkaStatus", "RequestMessage"]
