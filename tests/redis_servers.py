"""Real Redis servers and Sentinels; tests that start them are marked `needs("redis-server")`."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests.requirements import program
from tests.timing import patience
from worker.local.processes.child import Child, stop_all

SAFE = ("--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction")
"""Options of a server that keeps messages."""

_SECONDS_TO_STOP = 5


@contextmanager
def redis_server(place: Path, *options: str, port: int = 0) -> Iterator[Child]:
    """Run a server with its files in a directory; a test waits for it with `answering`."""
    place.mkdir(parents=True, exist_ok=True)
    child = Child(
        place.name,
        [
            *(program("redis-server"), "--bind", "127.0.0.1", "--port", str(port)),
            *("--dir", str(place), *options),
        ],
        log=place / "log",
    )
    with _running(child):
        yield child


@contextmanager
def sentinel(place: Path, port: int, *lines: str) -> Iterator[Child]:
    """Run a Sentinel, which rewrites its configuration file."""
    place.mkdir(parents=True, exist_ok=True)
    file = place / "sentinel.conf"
    file.write_text("\n".join((f"port {port}", "bind 127.0.0.1", f"dir {place}", *lines)) + "\n")
    argv = [program("redis-server"), str(file), "--sentinel"]
    with _running(Child(place.name, argv, log=place / "log")) as child:
        yield child


@contextmanager
def _running(child: Child) -> Iterator[Child]:
    child.start()
    try:
        yield child
    finally:
        stop_all([child], _SECONDS_TO_STOP)


def answering(child: Child, client: Redis, what: Callable[[Any], object] = Redis.ping) -> None:
    """Wait until a server answers a question with a true value."""

    def answered() -> bool:
        try:
            return bool(what(client))
        except RedisError:
            return False

    child.wait_until(answered, patience(10))


def certificates(place: Path, name: str = "DNS:localhost") -> None:
    """Write `ca.pem`, `cert.pem` and `key.pem`: a certificate for a name, and its authority."""
    place.mkdir(parents=True, exist_ok=True)
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl(place, *new, "-days", "2", "-subj", "/CN=Tests", "-keyout", "ca.key", "-out", "ca.pem")
    leaf = ("-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem")
    names = ("-addext", f"subjectAltName={name}")
    no_authority = ("-addext", "basicConstraints=critical,CA:FALSE")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2")
    _openssl(place, *new, *signed, *leaf, *names, *no_authority)


def _openssl(place: Path, *arguments: str) -> None:
    command: Sequence[str] = (program("openssl"), *arguments)
    subprocess.run(command, cwd=place, check=True, capture_output=True)
