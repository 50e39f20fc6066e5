"""The servers that the tests run on: the embedded ones, or others that the environment names.

`make contract-servers` sets these variables; no other run has them:

- `CONTRACT_MONGODB`: the program of FerretDB, which runs in place of SecantusDB;
- `CONTRACT_KAFKA`: the directory of Apache Kafka's jars, which runs in place of Tansu.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract_servers.apache_kafka import ApacheKafka
from tests.contract_servers.ferretdb import FerretDB
from worker.local.embedded.server import EmbeddedServer, ServerKind
from worker.local.embedded.servers import KINDS, EmbeddedServers
from worker.local.processes.child import stop_all

_STOP_SECONDS = 20.0


def kind_named(name: str) -> ServerKind:
    """The kind of server that tests run on, by the name of the embedded one that it replaces."""
    return _chosen(name) or next(kind for kind in KINDS if kind.name == name)


@contextmanager
def running(name: str, data_dir: Path) -> Iterator[str]:
    """Run a server for as long as the context lasts.

    Args:
        name: The name of the embedded server: `valkey`, `mongodb`, `kafka` or `radicale`.
        data_dir: The directory for its data and its log.

    Returns:
        Its URL, as the setting has it.
    """
    chosen = _chosen(name)
    if chosen is None:
        with EmbeddedServers(data_dir, {name}) as settings:
            (url,) = settings.values()
            yield url
        return
    server = EmbeddedServer(chosen, data_dir)
    try:
        server.start()
        server.wait_until_ready()
        yield server.url
    finally:
        stop_all([server.child], _STOP_SECONDS)


def _chosen(name: str) -> ServerKind | None:
    if name == "mongodb" and (program := os.environ.get("CONTRACT_MONGODB")):
        return FerretDB(Path(program))
    if name == "kafka" and (jars := os.environ.get("CONTRACT_KAFKA")):
        return ApacheKafka(Path(jars))
    return None
