"""kombu's Redis transport, with one client object for each channel.

kombu makes a new client for every message it takes, acknowledges and publishes. A client object
holds no connection, only a table of some two hundred callbacks that redis-py fills each time; that
is a third of what a task costs. `make bench` measures the difference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """A channel that keeps its client for as long as it keeps its connection pool."""

    _shared_client: Any = None

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """The client given, else the channel's own."""
        if client is None:
            if self._shared_client is None or self._shared_client.connection_pool is not self.pool:
                self._shared_client = self.Client(connection_pool=self.pool)
            client = self._shared_client
        yield client


class Transport(redis.Transport):
    """The Redis transport of such channels; chosen by Celery's setting `broker_transport`."""

    Channel = Channel
