"""Addresses of Redis, parsed from URLs as Celery and redis-py write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from tasks.errors import Permanent

_SCHEMES = ("redis", "rediss", "redis+socket", "unix", "sentinel")
_CLUSTER = (
    *("redis-cluster", "rediss-cluster", "redis+cluster", "rediss+cluster"),
    *("valkey-cluster", "valkeys-cluster"),
)
_AMQP = ("amqp", "amqps")

_REDIS_PORT, _SENTINEL_PORT = 6379, 26379

_DATABASE = ("db", "virtual_host")
"""The parameters for a database: redis-py's and Celery's."""

_VERIFICATION = {
    "none": "none",
    "optional": "optional",
    "required": "required",
    "cert_none": "none",
    "cert_optional": "optional",
    "cert_required": "required",
}
"""`ssl_cert_reqs` of redis-py, and the constants of the module `ssl`, which Celery uses."""

_TLS_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_TLS = ("ssl_cert_reqs", *_TLS_FILES, "ssl_password", "ssl_check_hostname")
_CREDENTIALS = ("username", "password")
_SENTINEL = ("master_name", "sentinel_username", "sentinel_password")
_PARAMETERS = (*_DATABASE, *_TLS, *_CREDENTIALS, *_SENTINEL)

_NEXT_ADDRESS = re.compile(r";\s*(?=[a-z+]+://)", re.IGNORECASE)
"""What separates addresses; a password may contain a semicolon."""

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is, and how to authenticate.

    Attributes:
        servers: The host and port of the server, or of each Sentinel; empty for a socket.
        socket: The path of a Unix socket.
        database: The number of the database.
        username: The user of Redis, if it has access control lists.
        password: The password of the user.
        tls: The parameters of TLS by their names in redis-py; None without TLS.
        master_name: The name of the server among those that Sentinel watches; None without
            Sentinel.
        sentinel_username: The user of the Sentinels.
        sentinel_password: The password of that user.
    """

    servers: tuple[tuple[str, int], ...]
    socket: str | None = None
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Mapping[str, str | bool] | None = field(default=None, repr=False)
    master_name: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)

    @property
    def files(self) -> Mapping[str, str]:
        """The files and directories of TLS, by the name of their parameter."""
        return {name: str(self.tls[name]) for name in _TLS_FILES if self.tls and name in self.tls}


def is_redis(url: str) -> bool:
    """Tell whether the broker is Redis; otherwise it is AMQP.

    Raises:
        Permanent: The broker is neither, or is a Redis Cluster.
    """
    # Of several addresses, the first decides: AMQP may have alternatives of its own.
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in _CLUSTER:
        raise cluster_refused()
    if scheme not in (*_SCHEMES, *_AMQP):
        known = ", ".join(f"{name}://" for name in (*_SCHEMES, *_AMQP))
        raise invalid(f"it must start with one of {known}")
    return scheme in _SCHEMES


def cluster_refused() -> Permanent:
    """The error for a Redis Cluster."""
    return invalid(
        "Redis Cluster is not supported, since Celery needs all keys on one server; "
        "use a single server or Sentinel"
    )


def invalid(problem: str) -> Permanent:
    """The error for a URL; `problem` must not contain any part of it that may be a password."""
    return Permanent(f"REDIS_URL: {problem}", code="configuration")


def parse_address(url: str) -> RedisAddress:
    """Parse a URL of Redis.

    Supported are `redis://`, `rediss://` (TLS), `redis+socket://` or `unix://` (a path), and
    `sentinel://`, which may be several addresses separated by `;`. Names and values of parameters
    are those of Celery or of redis-py (kombu.transport.redis and kombu.utils.url;
    redis.connection.parse_url). TLS verifies the server by default.

    Args:
        url: The value of `REDIS_URL`.

    Raises:
        Permanent: The URL is invalid; the message is one line without any part of its credentials.
    """
    if not is_redis(url):
        raise invalid("this part of the service needs Redis")
    try:
        parts = [urlsplit(one) for one in _NEXT_ADDRESS.split(url.strip().rstrip(";"))]
    except ValueError:
        raise invalid("it is not a valid URL") from None
    if len({part.scheme for part in parts}) > 1 or (
        len(parts) > 1 and parts[0].scheme != "sentinel"
    ):
        raise invalid("only sentinel:// may have several addresses")
    if any(part.fragment for part in parts):
        raise invalid("# in a password must be written %23")
    given = _parameters(parts)
    scheme = parts[0].scheme
    if scheme in ("redis+socket", "unix"):
        return _socket(parts[0], given)
    return _network(scheme, parts, given)


def _socket(part: SplitResult, given: Mapping[str, str]) -> RedisAddress:
    if _host(part) or not part.path.strip("/"):
        raise invalid("a socket has an absolute path, as in redis+socket:///run/redis.sock")
    _refuse(given, (*_TLS, *_SENTINEL), "a socket has neither TLS nor Sentinel")
    username, password = _credentials([part], given)
    return RedisAddress(
        (),
        socket=unquote(part.path),
        database=_database([], given),
        username=username,
        password=password,
    )


def _network(scheme: str, parts: list[SplitResult], given: Mapping[str, str]) -> RedisAddress:
    sentinel = scheme == "sentinel"
    if not sentinel:
        _refuse(given, _SENTINEL, "the parameters of Sentinel need sentinel://")
    elif not given.get("master_name"):
        raise invalid("sentinel:// needs the name of the server, as in ?master_name=mymaster")
    if scheme == "redis":
        _refuse(given, _TLS, "the parameters of TLS need rediss://")
    tls = scheme == "rediss" or any(name in given for name in _TLS)
    username, password = _credentials(parts, given)
    default = _SENTINEL_PORT if sentinel else _REDIS_PORT
    return RedisAddress(
        tuple((_host(part) or "localhost", _port(part) or default) for part in parts),
        database=_database(parts, given),
        username=username,
        password=password,
        tls=_tls(given) if tls else None,
        master_name=given.get("master_name"),
        sentinel_username=given.get("sentinel_username"),
        sentinel_password=given.get("sentinel_password"),
    )


def _parameters(parts: list[SplitResult]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in (pair for part in parts for pair in _pairs(part.query)):
        # Not named: where a password contains a question mark, this is a part of it.
        if name not in _PARAMETERS:
            raise invalid(
                f"a parameter is unknown; known are {', '.join(_PARAMETERS)} "
                "(? in a password must be written %3F)"
            )
        if found.setdefault(name, value) != value:
            raise invalid(f"{name} has two values")
    return found


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise invalid("the parameters after ? are not name=value pairs") from None


def _host(part: SplitResult) -> str:
    return unquote(part.hostname or "")


def _port(part: SplitResult) -> int | None:
    try:
        port = part.port
    except ValueError:
        port = 0
    if port == 0:
        raise invalid(
            "the port is not a number from 1 to 65535 "
            "(/, ?, # and @ in a password must be written %2F, %3F, %23 and %40)"
        )
    return port


def _credentials(
    parts: list[SplitResult], given: Mapping[str, str]
) -> tuple[str | None, str | None]:
    users = {unquote(part.username) for part in parts if part.username}
    passwords = {unquote(part.password) for part in parts if part.password}
    users |= {given["username"]} if given.get("username") else set()
    passwords |= {given["password"]} if given.get("password") else set()
    if len(users) > 1 or len(passwords) > 1:
        raise invalid("it has two different users or passwords")
    return next(iter(users), None), next(iter(passwords), None)


def _database(parts: list[SplitResult], given: Mapping[str, str]) -> int:
    named = [part.path.strip("/") for part in parts] + [given.get(name, "") for name in _DATABASE]
    found = {name.strip("/") for name in named} - {""}
    if not all(name.isascii() and name.isdigit() for name in found):
        raise invalid("the database is not a number, as in redis://host:6379/0")
    if len({int(name) for name in found}) > 1:
        raise invalid("it names two databases")
    return int(next(iter(found), "0"))


def _tls(given: Mapping[str, str]) -> dict[str, str | bool]:
    found: dict[str, str | bool] = {name: given[name] for name in _TLS if name in given}
    verification = _VERIFICATION.get(given.get("ssl_cert_reqs", "required").lower())
    if verification is None:
        raise invalid("ssl_cert_reqs is none of none, optional and required")
    found["ssl_cert_reqs"] = verification
    checked = given.get("ssl_check_hostname", "true").lower()
    if checked not in (*_TRUE, *_FALSE):
        raise invalid("ssl_check_hostname is neither true nor false")
    found["ssl_check_hostname"] = checked in _TRUE
    return found


def _refuse(given: Mapping[str, str], names: tuple[str, ...], problem: str) -> None:
    found = [name for name in names if name in given]
    if found:
        raise invalid(f"{problem}: {', '.join(found)}")
