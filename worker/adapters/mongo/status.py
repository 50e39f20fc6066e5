"""Server statistics of MongoDB."""

from collections.abc import Mapping
from typing import Any

import pymongo
from pymongo.database import Database
from pymongo.errors import OperationFailure
from typing_extensions import override

from monitoring.collectors.database import DatabaseStats, DatabaseStatus
from worker.adapters.mongo.client import Document, mapped_errors

_OPERATIONS = ("insert", "query", "update", "delete", "getmore", "command")

_TIMEOUT = 1.0
"""Seconds to wait; a short limit, since a dead connection is noticed only by its time-out."""


class MongoStatus(DatabaseStatus):
    """A `DatabaseStatus`; see `hello` and `serverStatus` in MongoDB's manual.

    Args:
        database: Any database of the server.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._admin = database.client.admin

    @override
    def read(self) -> DatabaseStats:
        with mapped_errors(), pymongo.timeout(_TIMEOUT):
            role = _role(self._admin.command("hello"))
            try:
                status = self._admin.command("serverStatus")
            except OperationFailure:
                # The command requires the role clusterMonitor, which the user may not have.
                return DatabaseStats(role)
        connections = status.get("connections", {})
        operations = status.get("opcounters", {})
        return DatabaseStats(
            role,
            connections=connections.get("current"),
            available=connections.get("available"),
            operations={name: operations[name] for name in _OPERATIONS if name in operations},
        )


def _role(hello: Mapping[str, Any]) -> str:
    if hello.get("msg") == "isdbgrid":
        return "router"
    if "setName" not in hello:
        return "standalone"
    return "primary" if hello.get("isWritablePrimary") else "secondary"
