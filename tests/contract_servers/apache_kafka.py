"""Apache Kafka in KRaft mode, one node that is broker and controller."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from worker.adapters.kafka.connection import answers
from worker.local.embedded.kafka import Kafka
from worker.local.processes.ports import free_port

_CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"
"""The id of the cluster, which is in the files of its data."""

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


@dataclass
class ApacheKafka:
    """Apache Kafka as a `ServerKind`, in place of Tansu.

    All settings are Kafka's own defaults, but for those that one node alone cannot have.

    Attributes:
        jars: The directory of its jars.
    """

    jars: Path
    name = "kafka"
    setting = Kafka.setting

    def argv(self, port: int, data: Path) -> list[str]:
        """The command line of the server, whose data directory is formatted if it is new."""
        properties, logging = data / "server.properties", data / "log4j2.properties"
        properties.write_text(_properties(port, free_port(), data / "data"))
        logging.write_text(_LOGGING)
        java = [java_program(), f"-Dlog4j2.configurationFile={logging}", "-cp", f"{self.jars}/*"]
        subprocess.run(
            [
                *(*java, "kafka.tools.StorageTool", "format", "--ignore-formatted"),
                *("--cluster-id", _CLUSTER, "--config", str(properties)),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return [*java, "-Xmx512m", "kafka.Kafka", str(properties)]

    def url(self, port: int) -> str:
        """The value of `KAFKA_BOOTSTRAP_SERVERS`."""
        return f"127.0.0.1:{port}"

    def is_ready(self, url: str) -> bool:
        """Whether the server returns its metadata."""
        return answers(url)


def java_program() -> str:
    """Where Java is; `java` if it cannot be found."""
    home = os.environ.get("JAVA_HOME")
    return (
        (home and shutil.which("java", path=Path(home) / "bin")) or shutil.which("java") or "java"
    )


def _properties(port: int, controller: int, data: Path) -> str:
    alone = (
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
        "share.coordinator.state.topic.replication.factor",
        "share.coordinator.state.topic.min.isr",
    )
    address, quorum = f"PLAINTEXT://127.0.0.1:{port}", f"127.0.0.1:{controller}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"{address},CONTROLLER://{quorum}",
        "advertised.listeners": address,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{quorum}",
        "log.dirs": str(data),
        **dict.fromkeys(alone, "1"),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
