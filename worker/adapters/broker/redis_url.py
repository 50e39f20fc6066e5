"""Clients of Redis at Celery's URLs."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from redis import Redis

_NAMES = {"virtual_host": "db"}
_VALUES = {
    "ssl_cert_reqs": {
        "CERT_NONE": "none",
        "CERT_OPTIONAL": "optional",
        "CERT_REQUIRED": "required",
    }
}


def open_redis(url: str, timeout: float) -> Redis:
    """Create a client; it connects at its first command.

    Args:
        url: A URL for Celery.
        timeout: Seconds to wait for a connection, and for each answer.

    Raises:
        ValueError: The URL is invalid.
    """
    client: Redis = Redis.from_url(
        redis_py_url(url), socket_timeout=timeout, socket_connect_timeout=timeout
    )
    return client


def redis_py_url(url: str) -> str:
    """Convert a broker URL to redis-py's format.

    A Unix socket is `redis+socket:///path?virtual_host=1` for Celery and `unix:///path?db=1` for
    redis-py, and the constants of the module `ssl` have other names
    (kombu.transport.redis and kombu.utils.url; redis.connection.parse_url).

    Args:
        url: A URL for Celery; a URL that redis-py accepts is returned unchanged.
    """
    parts = urlsplit(url)
    scheme = "unix" if parts.scheme == "redis+socket" else parts.scheme
    query = urlencode(
        [
            (_NAMES.get(name, name), _VALUES.get(name, {}).get(value, value))
            for name, value in parse_qsl(parts.query)
        ]
    )
    # Not urlunsplit, which leaves out the slashes before an empty host.
    return f"{scheme}://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
