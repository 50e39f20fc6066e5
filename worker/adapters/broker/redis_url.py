"""Conversion of Celery's Redis URLs to redis-py's."""

from urllib.parse import parse_qsl, urlencode, urlsplit

_NAMES = {"virtual_host": "db"}
_VALUES = {
    "ssl_cert_reqs": {
        "CERT_NONE": "none",
        "CERT_OPTIONAL": "optional",
        "CERT_REQUIRED": "required",
    }
}


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
