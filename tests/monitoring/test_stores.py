"""Metrics of MongoDB and Kafka, compared with the operations that were run."""

from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database

from monitoring import metrics
from monitoring.collectors.kafka import KafkaCollector
from monitoring.collectors.mongodb import MongoCollector
from tasks.errors import Permanent, Transient
from tests.kafka import consumed, write
from tests.monitoring.figures import figures_of
from tests.relay import relay
from tests.timing import wait_until, within
from worker.adapters.kafka import KafkaStatus, RequestMessage
from worker.adapters.mongo import Mongo, MongoStatus


def test_mongodb_tells_what_was_done(database: Database[dict[str, Any]]) -> None:
    collector = MongoCollector(MongoStatus(database))
    before = figures_of(collector).by_labels(metrics.MONGODB_OPERATIONS)
    for number in range(7):
        database["things"].insert_one({"_id": number})
    for number in range(3):
        database["things"].update_one({"_id": number}, {"$set": {"seen": True}})
    for number in range(2):
        database["things"].delete_one({"_id": number})
    after = figures_of(collector)
    done = after.by_labels(metrics.MONGODB_OPERATIONS)
    assert done["insert",] - before["insert",] == 7
    assert done["update",] - before["update",] == 3
    assert done["delete",] - before["delete",] == 2
    assert after.value(metrics.MONGODB_CONNECTIONS, "standalone")
    assert after.value(metrics.MONGODB_AVAILABLE) is not None


def test_a_silent_connection_to_mongodb_is_given_up(mongodb_url: str) -> None:
    port = urlsplit(mongodb_url).port
    assert port is not None
    with (
        relay(port) as between,
        closing(Mongo(f"mongodb://127.0.0.1:{between.port}/?directConnection=true")) as mongo,
    ):
        status = MongoStatus(mongo.database)
        status.read()
        between.silence()
        # The client itself would wait for half a minute (`Mongo`, socketTimeoutMS).
        with within(5, before=30), pytest.raises(Transient):
            status.read()
        assert status.read().role == "standalone"


def reject(message: RequestMessage, reason: Permanent) -> None:
    raise AssertionError(f"{message.id}: {reason}")


def test_lag_is_what_a_group_has_not_come_to(
    kafka_bootstrap_servers: str, topic_prefix: str
) -> None:
    topic, group = f"{topic_prefix}requests", f"{topic_prefix}group"
    with closing(KafkaStatus(kafka_bootstrap_servers, topic, group)) as status:
        assert not status.read()
        write(kafka_bootstrap_servers, topic, *(b"{}",) * 5)
        found = figures_of(KafkaCollector(status)).by_labels(metrics.KAFKA_LAG)
        assert sum(found.values()) == 5
        assert {(one, name) for one, _, name in found} == {(topic, group)}
        handled: list[object] = []
        with consumed(kafka_bootstrap_servers, topic, group, handled.append, reject):
            wait_until(lambda: len(handled) == 5, 20)
            wait_until(lambda: not sum(lag.records for lag in status.read()))
