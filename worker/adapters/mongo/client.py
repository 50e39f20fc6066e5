"""The connection to MongoDB, and the mapping of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidURI,
    PyMongoError,
    WTimeoutError,
)

from tasks.errors import Permanent, Transient

Document = dict[str, Any]

_TRANSIENT = (ConnectionFailure, ExecutionTimeout, WTimeoutError)

_OUT_OF_DISK_SPACE = 14031
"""MongoDB's error code; https://www.mongodb.com/docs/manual/reference/error-codes/."""


class DuplicateKey(Permanent):
    """A document with the same value of a unique index is stored already."""

    code = "database_error"


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn pymongo's errors into this project's.

    Raises:
        DuplicateKey: A unique index has the value already.
        Transient: The fault may pass by itself, such as a lost connection or a full disk.
        Permanent: Any other error.
    """
    try:
        yield
    except DuplicateKeyError as error:
        raise DuplicateKey(f"MongoDB: {error}") from error
    except PyMongoError as error:
        if getattr(error, "code", None) == _OUT_OF_DISK_SPACE:
            raise Transient(f"MongoDB: {error}", code="storage_full") from error
        passing = isinstance(error, _TRANSIENT) or error.has_error_label("RetryableWriteError")
        kind = Transient if passing else Permanent
        raise kind(f"MongoDB: {error}", code="database_error") from error


class Mongo:
    """A client for one process; it must not be used after a fork.

    Args:
        url: A `mongodb://` URL; its path names the database (default: `interviews`).
        pool: The largest number of connections.
        timeout: Seconds to wait for a server that answers.
    """

    def __init__(self, url: str, *, pool: int = 20, timeout: float = 5.0) -> None:
        milliseconds = int(timeout * 1000)
        try:
            self._client: MongoClient[Document] = MongoClient(
                url,
                tz_aware=True,
                maxPoolSize=pool,
                # Acknowledged writes must survive a fail-over, since messages are sent after them.
                w="majority",
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                socketTimeoutMS=30_000,
                appname="interview-worker",
            )
        except (InvalidURI, ConfigurationError, ValueError) as error:
            raise Permanent(f"MONGODB_URL: {error}", code="configuration") from error
        self.database: Database[Document] = self._client.get_default_database("interviews")

    def ping(self) -> None:
        """Check that the server answers.

        Raises:
            Transient: It does not.
        """
        with mapped_errors():
            self._client.admin.command("ping")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
