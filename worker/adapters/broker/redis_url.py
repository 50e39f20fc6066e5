"""Clients of Redis, all created here."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis import ConnectionPool, Redis, SSLConnection, UnixDomainSocketConnection
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.retry import Retry
from redis.sentinel import Sentinel
from typing_extensions import override

from worker.adapters.broker.redis_address import RedisAddress, invalid, parse_address


class _SentinelClient(Redis):
    """A client that closes its connections to the Sentinels too."""

    @override
    def close(self) -> None:
        super().close()
        manager = getattr(self.connection_pool, "sentinel_manager", None)
        if manager is not None:
            manager.close()


def open_redis(url: str, timeout: float) -> Redis:
    """Create a client; it connects at its first command, and tries that once.

    Args:
        url: The value of `REDIS_URL`.
        timeout: Seconds to wait for a connection, and for each answer.

    Raises:
        Permanent: The URL is invalid.
    """
    address = parse_address(url)
    options: dict[str, Any] = {
        "db": address.database,
        "username": address.username,
        "password": address.password,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": timeout,
        **(address.tls or {}),
    }
    if address.socket is not None:
        return _pooled(UnixDomainSocketConnection, path=address.socket, **options)
    options["socket_connect_timeout"] = timeout
    if address.master_name is not None:
        return _sentinel_client(address, address.master_name, options)
    host, port = address.servers[0]
    kind = Connection if address.tls is None else SSLConnection
    return _pooled(kind, host=host, port=port, **options)


def _pooled(kind: type[Any], **options: Any) -> Redis:
    return Redis.from_pool(ConnectionPool(connection_class=kind, **options))


def _sentinel_client(address: RedisAddress, name: str, options: Mapping[str, Any]) -> Redis:
    create: Any = Sentinel
    shared = ("retry", "socket_timeout", "socket_connect_timeout")
    manager = create(
        address.servers,
        sentinel_kwargs={**sentinel_options(address), **{each: options[each] for each in shared}},
        ssl=address.tls is not None,
        **options,
    )
    client: Redis = manager.master_for(name, redis_class=_SentinelClient)
    return client


def sentinel_options(address: RedisAddress) -> dict[str, Any]:
    """redis-py's parameters of connections to the Sentinels themselves."""
    return {
        "username": address.sentinel_username,
        "password": address.sentinel_password,
        **({"ssl": True, **address.tls} if address.tls is not None else {}),
    }


def check_files(url: str) -> None:
    """Check that the certificates and keys of a URL can be loaded.

    Raises:
        Permanent: The URL is invalid, or a file cannot be loaded.
    """
    address = parse_address(url)
    for name, path in address.files.items():
        if not Path(path).exists():
            raise invalid(f"{name}: {path} does not exist")
    tls = address.tls or {}
    context = ssl.create_default_context()
    try:
        if "ssl_ca_certs" in tls:
            context.load_verify_locations(cafile=str(tls["ssl_ca_certs"]))
        if "ssl_certfile" in tls or "ssl_keyfile" in tls:
            context.load_cert_chain(
                str(tls.get("ssl_certfile") or tls.get("ssl_keyfile")),
                str(tls.get("ssl_keyfile") or tls.get("ssl_certfile")),
                # Never ask for it on a terminal.
                str(tls.get("ssl_password", "")),
            )
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or "invalid"
        raise invalid(f"a certificate or key of TLS cannot be loaded: {reason}") from None
