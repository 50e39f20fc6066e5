"""kombu's Redis transport, with one client object for each channel.

kombu creates a client for every message that it receives, acknowledges or publishes. A client has
no connection, only a table of about two hundred callbacks, which redis-py fills each time. That
takes a third of the overhead of a task; `make bench` measures the difference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """A channel that reuses its client as long as its connection pool stays the same."""

    _shared_client: Any = None

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """Yield the given client, or the channel's own."""
        if client is None:
            if self._shared_client is None or self._shared_client.connection_pool is not self.pool:
                self._shared_client = self.Client(connection_pool=self.pool)
            client = self._shared_client
        yield client


class Transport(redis.Transport):
    """The Redis transport with these channels; selected by Celery's setting `broker_transport`."""

    Channel = Channel
