"""kombu's Redis transport, with one client object for each channel.

kombu creates a client for every message that it receives, acknowledges or publishes. A client has
no connection of its own, only a table of about two hundred callbacks, which redis-py fills each
time. That takes a third of the overhead of a task; `make bench` measures the difference.

Celery gets the address in parts, since kombu would otherwise choose its own transport by the scheme
of the URL: for a socket at once, for Sentinel after the first lost connection.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from kombu.transport import redis
from redis import UnixDomainSocketConnection
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's name
from redis.sentinel import Sentinel

from worker.adapters.broker.redis_address import RedisAddress, is_redis, parse_address
from worker.adapters.broker.redis_url import sentinel_options

_TCP_ONLY = (
    *("host", "port", "socket_connect_timeout"),
    *("socket_keepalive", "socket_keepalive_options"),
)
"""Parameters of a connection that a Unix socket does not have."""


class _SharedClient(redis.Channel):
    """A channel that reuses its client as long as its connection pool stays the same."""

    _shared_client: Any = None

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """Yield the given client, or the channel's own.

        Raises:
            ConnectionError: The connection was closed before the channel.
        """
        if client is None and getattr(self.connection, "client", None) is None:
            # Celery closes a lost connection twice. If the first time ends halfway, the second one
            # has no address any more, and kombu's AttributeError would end the worker.
            raise ConnectionError("the connection to Redis is closed")
        if client is None:
            if self._shared_client is None or self._shared_client.connection_pool is not self.pool:
                self._shared_client = self.Client(connection_pool=self.pool)
            client = self._shared_client
        yield client


class Channel(_SharedClient):
    """A channel to one server, by TCP or by a Unix socket.

    Attributes:
        unix_socket: The path of the socket; None for TCP.
    """

    unix_socket: str | None = None
    from_transport_options = (*redis.Channel.from_transport_options, "unix_socket")

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.unix_socket is not None:
            self.connection_class = UnixDomainSocketConnection
        found: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        if self.unix_socket is not None:
            found = {name: value for name, value in found.items() if name not in _TCP_ONLY}
            found["path"] = self.unix_socket
        return found


class SentinelChannel(_SharedClient, redis.SentinelChannel):
    """A channel to the master that the Sentinels name, asked at each new connection.

    Attributes:
        sentinels: The host and port of each Sentinel.
        sentinel_kwargs: redis-py's parameters of connections to the Sentinels.
        master_name: The name of the master.
    """

    sentinels: tuple[tuple[str, int], ...]
    sentinel_kwargs: Mapping[str, Any]
    master_name: str
    _connparams: Callable[[bool], dict[str, Any]]
    from_transport_options = (*redis.SentinelChannel.from_transport_options, "sentinels")

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        # As in kombu, but kombu takes the Sentinels from the alternatives of the connection.
        found = self._connparams(asynchronous)
        del found["host"], found["port"]
        times = {name: found[name] for name in ("socket_timeout", "socket_connect_timeout")}
        create: Any = Sentinel
        manager = create(self.sentinels, sentinel_kwargs={**self.sentinel_kwargs, **times}, **found)
        if asynchronous:
            self._async_sentinel_manager = manager
        else:
            self._sentinel_manager = manager
        return manager.master_for(self.master_name).connection_pool


class Transport(redis.Transport):
    """The Redis transport with these channels; selected by Celery's setting `broker_transport`."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """The same with Sentinel."""

    Channel = SentinelChannel


def redis_settings(url: str, options: Mapping[str, object]) -> dict[str, Any]:
    """Celery's settings for Redis.

    Args:
        url: The value of `REDIS_URL`.
        options: Options of the transport, wherever the server is.

    Raises:
        Permanent: The URL is invalid.
    """
    address = parse_address(url)
    transport = SentinelTransport if address.master_name is not None else Transport
    return {
        "broker_url": _celery_url(address),
        "broker_transport": f"{transport.__module__}:{transport.__name__}",
        "broker_use_ssl": dict(address.tls) if address.tls is not None else None,
        "broker_transport_options": {**options, **_address_options(address)},
    }


def flower_settings(url: str) -> dict[str, Any]:
    """Celery's settings for Flower, which selects its client by scheme, and has no other transport.

    Raises:
        Permanent: The URL is invalid.
    """
    if not is_redis(url):
        return {}
    address = parse_address(url)
    found = _celery_url(address)
    if address.socket is not None:
        path = f"{quote(address.socket)}?virtual_host={address.database}"
        found = f"redis+socket://{_user(address)}{path}"
    return {"broker_url": found, "broker_transport": None}


def _address_options(address: RedisAddress) -> dict[str, object]:
    if address.socket is not None:
        return {"unix_socket": address.socket}
    if address.master_name is None:
        return {}
    return {
        "master_name": address.master_name,
        "sentinels": address.servers,
        "sentinel_kwargs": sentinel_options(address),
    }


def _celery_url(address: RedisAddress) -> str:
    """A URL with the first server only; a socket is an option."""
    host, port = address.servers[0] if address.servers else ("localhost", 6379)
    scheme = "redis" if address.tls is None else "rediss"
    if address.master_name is not None:
        scheme = "sentinel"
    host = f"[{host}]" if ":" in host else quote(host)
    return f"{scheme}://{_user(address)}{host}:{port}/{address.database}"


def _user(address: RedisAddress) -> str:
    if address.username is None and address.password is None:
        return ""
    password = f":{quote(address.password, safe='')}" if address.password is not None else ""
    return f"{quote(address.username or '', safe='')}{password}@"
