"""Connections to Kafka."""

import contextlib
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.net.compat import KafkaNetClient

_CONNECT_MS = 2000
_REQUEST_MS = 2000
_PARTITIONS = 6


def connect(client: type[Any], bootstrap_servers: str, **options: object) -> Any:
    """Create a client of kafka-python; if it cannot connect, stop its network thread.

    kafka-python 3.0 leaves that thread running.

    Args:
        client: The class of the client.
        bootstrap_servers: `host:port` of one broker or, separated by commas, of several.
        options: Further settings of the client.

    Raises:
        KafkaError: No broker answered in two seconds.
    """
    networks: list[KafkaNetClient] = []

    def network(**settings: object) -> KafkaNetClient:
        networks.append(KafkaNetClient(**settings))
        return networks[0]

    try:
        return client(
            bootstrap_servers=bootstrap_servers,
            bootstrap_timeout_ms=_CONNECT_MS,
            kafka_client=network,
            **options,
        )
    except KafkaError:
        for open_network in networks:
            open_network.close()
        raise


def answers(bootstrap_servers: str) -> bool:
    """Whether a broker answers.

    Args:
        bootstrap_servers: `host:port` of one broker or, separated by commas, of several.
    """
    try:
        with contextlib.closing(connect_admin(bootstrap_servers)) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False


def ensure_topic(bootstrap_servers: str, topic: str) -> None:
    """Create a topic if it does not exist, with the default number of replicas.

    Raises:
        KafkaError: The broker does not answer, or denies access.
    """
    with contextlib.closing(connect_admin(bootstrap_servers)) as admin:
        if topic in admin.list_topics():
            return
        with contextlib.suppress(TopicAlreadyExistsError):
            admin.create_topics({topic: {"num_partitions": _PARTITIONS}}, timeout_ms=_REQUEST_MS)


def connect_admin(bootstrap_servers: str) -> Any:
    """Connect an admin client.

    Raises:
        KafkaError: No broker answered in two seconds.
    """
    return connect(KafkaAdminClient, bootstrap_servers, request_timeout_ms=_REQUEST_MS)
