"""What Apache Kafka refuses and the embedded broker does not.

`make contract-servers` names this file; no other run collects it.
"""

import logging
import threading

import pytest

from tests.processes import wait_until
from worker.adapters.kafka import KafkaRequests


def test_kafka_refuses_a_session_that_it_does_not_allow(
    kafka_bootstrap_servers: str, caplog: pytest.LogCaptureFixture
) -> None:
    requests = KafkaRequests(kafka_bootstrap_servers, "sessions", "sessions", max_poll_interval=5)
    stop = threading.Event()
    consumer = threading.Thread(
        target=requests.run, args=(_unwanted, stop), kwargs={"reject": _unwanted}
    )
    with caplog.at_level(logging.WARNING, "worker.adapters.kafka.requests"):
        consumer.start()
        try:
            wait_until(lambda: "group.min.session.timeout.ms" in caplog.text, 30)
        finally:
            stop.set()
            consumer.join()
    assert "it refuses a session timeout of 5 seconds" in caplog.text


def _unwanted(*_: object) -> None:
    raise AssertionError("there are no messages")
